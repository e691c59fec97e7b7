"""How well a view is searched: its answers held against exact ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.arrays import query_rows
from vicinal.collection.face import Face
from vicinal.collection.nearest import as_result, nearest
from vicinal.errors import InvalidInputError
from vicinal.recall import measure

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from vicinal.collection.knobs import Knobs
    from vicinal.collection.space import Space
    from vicinal.collection.states import State, States
    from vicinal.collection.view import View
    from vicinal.filters import Expr
    from vicinal.recall import RecallReport
    from vicinal.records.catalog import VectorSpec
    from vicinal.result import SearchResult


class Measured(Face):
    """A view with the methods of an index that `vicinal.recall` needs.

    Parameters
    ----------
    view : View
    spec : VectorSpec
    knobs : Knobs
        Of the searches, but for what each call says.
    allowed : ndarray of int64, optional
        Rising slots: no other is found.
    own : ndarray of int64, optional
        The slot that each query was taken from, which it is not to find.
    """

    def __init__(
        self,
        view: View,
        spec: VectorSpec,
        knobs: Knobs,
        allowed: NDArray[np.int64] | None,
        own: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__(view, spec)
        self._knobs = knobs
        self._allowed = allowed
        self._own = own

    def ids(self) -> NDArray[np.int64]:
        """All slots that can be found, rising."""
        slots = super().ids()
        if self._allowed is None:
            return slots
        both: NDArray[np.int64] = np.intersect1d(slots, self._allowed, assume_unique=True)
        return both

    def search(
        self, Q: NDArray[Any], k: int, *, ef_search: int, threads: int, plan: str
    ) -> SearchResult:
        """As `Collection.search` does it where the plan is "graph", or exactly."""
        asked = k if self._own is None else k + 1
        way = "scan" if plan == "scan" else self._knobs.plan
        knobs = replace(self._knobs, k=asked, ef_search=ef_search, threads=threads, plan=way)
        found = nearest(self._view, self._spec, Q, knobs, self._allowed)
        if self._own is not None:
            found = [
                one.only(np.flatnonzero(one.slots != own)[:k])
                for one, own in zip(found, self._own[: len(Q)], strict=True)
            ]
        return as_result(found, k, self.metric)


def measure_recall(
    states: States,
    space: Space,
    vectors: ArrayLike | None,
    condition: Expr | None,
    knobs: Knobs,
    sample: int,
    seed: int,
) -> RecallReport:
    """Hold the answers of a state against exact ones; see `Collection.measure_recall`."""
    spec, queries = space.spec, None
    if vectors is not None:
        queries = np.atleast_2d(query_rows(vectors, spec.dim, spec.dtype))

    def held_against(_: None, state: State) -> RecallReport:
        view, allowed = state
        return _measured(view, spec, knobs, allowed, queries, sample, seed)

    # Measuring may take long: what is looked at stays, and no log is held up.
    return states.worked(space, condition, lambda _: None, held_against)


def _measured(
    view: View,
    spec: VectorSpec,
    knobs: Knobs,
    allowed: NDArray[np.int64] | None,
    queries: NDArray[Any] | None,
    sample: int,
    seed: int,
) -> RecallReport:
    own = None
    if queries is None:
        everyone = Measured(view, spec, knobs, None)
        slots = everyone.ids()
        if len(slots) < 2:
            raise InvalidInputError(
                f"{len(slots)} vectors leave nothing to measure; add some first, or give queries"
            )
        own = np.random.default_rng(seed).choice(slots, min(sample, len(slots)), replace=False)
        queries = query_rows(everyone.get(own), spec.dim, spec.dtype)
    if len(queries) == 0:
        raise InvalidInputError("no queries to measure with; give some, or none at all")
    return measure(
        Measured(view, spec, knobs, allowed, own),
        queries,
        knobs.k,
        knobs.ef_search,
        knobs.threads,
    )
