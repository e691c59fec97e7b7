"""Measuring: the true neighbours of queries, and what walks of rising effort find of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vicinal.collection.effort.curve import Rung
from vicinal.collection.nearest import nearest
from vicinal.intervals import share_found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from vicinal.collection.knobs import Knobs
    from vicinal.collection.nearest import Found
    from vicinal.collection.view import View
    from vicinal.filters import Expr
    from vicinal.records.catalog import VectorSpec

    #: A view, for as long as it is looked at, and the slots that a condition allows.
    Look: TypeAlias = Callable[
        [Expr | None], AbstractContextManager[tuple[View, NDArray[np.int64] | None]]
    ]

#: Each rung asks so many times the effort of the one below.
RATIO = 2**0.25

#: Where the ladder ends; walks that go farther cost as much as comparing all.
MOST = 4096

#: Queries walked between two looks whether there is something better to do.
WALKS = 16

#: Products of components between two looks: a tenth of a second on one thread.
PRODUCTS = 1 << 32


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Queries under one filter.

    Attributes
    ----------
    allowed : ndarray of int64 or None
        The slots that the filter allows.
    queries : ndarray, shape (n, ...)
    last : ndarray of float32, shape (n,)
        The distance of each query's k-th true neighbour, or of the last where there are fewer.
    wanted : ndarray of int64, shape (n,)
        How many neighbours there are, up to k.
    """

    allowed: NDArray[np.int64] | None
    queries: NDArray[Any]
    last: NDArray[np.float32]
    wanted: NDArray[np.int64]


def ends(found: list[Found]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The distance of the last neighbour of each query, and how many it has."""
    last = [one.distances[-1] if len(one.distances) else np.inf for one in found]
    return np.array(last, np.float32), np.array([len(one.slots) for one in found], np.int64)


def step(vectors: int, spec: VectorSpec) -> int:
    """How many queries are compared with all vectors between two looks."""
    return max(1, PRODUCTS // max(1, vectors * spec.dim))


def climb(
    spec: VectorSpec,
    groups: list[Group],
    knobs: Knobs,
    look: Look,
    rungs: list[Rung],
    lasts: list[NDArray[np.float32]],
) -> Iterator[None]:
    """Add rungs to ``rungs``, the lowest first, until nothing is missed or no more can be known.

    And to ``lasts`` how far the last neighbours were that each found. Between two steps nothing is
    held on to: the graph may go on.
    """
    with look(None) as (view, _):
        most = min(MOST, len(view.index or ()))
    ef_search = knobs.k
    wanted = np.concatenate([group.wanted for group in groups])
    while True:
        hits: list[int] = []
        last: list[NDArray[np.float32]] = []
        walk = replace(knobs, ef_search=ef_search, plan="graph")
        for group in groups:
            for start in range(0, len(group.queries), WALKS):
                part = slice(start, start + WALKS)
                with look(None) as (view, _):
                    found = nearest(view, spec, group.queries[part], walk, group.allowed)
                near = zip(found, group.last[part], group.wanted[part].tolist(), strict=True)
                hits += [min(int((f.distances <= end).sum()), count) for f, end, count in near]
                last.append(ends(found)[0])
                yield
        lasts.append(np.concatenate(last))
        rungs.append(Rung(ef_search, *share_found(np.array(hits), wanted)))
        # Less than the half query that the interval reckons with can't be told from nothing.
        if 1.0 - rungs[-1].recall < 0.5 / len(wanted) or ef_search >= most:
            return
        ef_search = min(max(ef_search + 1, int(ef_search * RATIO)), max(most, knobs.k))
