"""What every contender is measured through: build, set an effort, search.

This package is read twice: as ``vicinal.bench.peers`` by the benchmark, and as plain ``peers`` by
the worker processes, whose environment holds one library and numpy and no Vicinal. Hence it
imports nothing but numpy and the standard library, and each adapter imports its library only when
it is made.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Vectors = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]

# Candidates kept by a graph walk: steps of a quarter to a third, dense enough to interpolate on.
EF_LADDER = (
    10,
    12,
    16,
    20,
    24,
    32,
    40,
    48,
    64,
    80,
    96,
    128,
    160,
    192,
    256,
    320,
    400,
    512,
    640,
    800,
)


class Adapter:
    """One library at one setting.

    Vectors come as C-ordered float32, one row each, normalised when the metric is cosine. A build
    and a search take the number of threads they may use; ids are row numbers, -1 where there is
    no answer.
    """

    family: ClassVar[str]
    """The name a user asks for; several adapters may share it."""
    module: ClassVar[str]
    """The module to import."""
    distribution: ClassVar[str]
    """The package to install, as the requirements file spells it."""
    metrics: ClassVar[tuple[str, ...]] = ("l2", "cosine", "ip")
    efforts: ClassVar[tuple[int, ...]] = EF_LADDER
    """Values of the search knob, ascending; a search at a later one finds more and takes longer."""
    effort_name: ClassVar[str] = "ef_search"
    settings: ClassVar[dict[str, Any]] = {}
    """Build settings and their values; any can be given another value by name."""
    note: ClassVar[str] = ""
    """What a reader of the table should know of this row."""

    def __init__(self, metric: str, dim: int, **settings: Any) -> None:
        self.metric = metric
        self.dim = dim
        self.options: dict[str, Any] = {**self.settings, **settings}
        self.effort = self.efforts[0]
        self.lib: Any = importlib.import_module(self.module)

    @classmethod
    def environment(cls, settings: dict[str, Any]) -> dict[str, str]:  # noqa: ARG003
        """Return the variables to set for a process of these settings."""
        return {}

    def version(self) -> str:
        """Return the library's version."""
        return importlib.metadata.version(self.distribution)

    def prepare(self, X: Vectors, folder: Path) -> Vectors:
        """Do what a build needs but does not consist of; return what `build` shall be given."""
        return X

    def prepare_queries(self, Q: Vectors) -> Vectors:
        """Return the queries as `search` shall be given them."""
        return Q

    def build(self, X: Vectors, threads: int) -> None:
        """Index the rows of `X`."""
        raise NotImplementedError

    def set_query_effort(self, effort: int) -> None:
        """Set the search knob."""
        self.effort = effort

    def search(self, Q: Vectors, k: int, threads: int) -> Ids:
        """Return the ids of the `k` nearest rows, shape (queries, k)."""
        raise NotImplementedError

    def search_one(self, q: Vectors, k: int) -> Ids:
        """Answer a single query, as a caller with one query in hand would ask."""
        found: Ids = self.search(q[np.newaxis], k, 1)[0]
        return found

    def counters(self, Q: Vectors, k: int) -> dict[str, float]:
        """Return what the library counts while searching, per query; most count nothing."""
        return {}

    def size(self) -> int | None:
        """Return the index's own account of its bytes, where it keeps one."""
        return None


def search_loop(one: Callable[[Vectors], Any], Q: Vectors, k: int, threads: int) -> Ids:
    """Answer a batch with a library that takes one query at a time.

    `one` gives the ids for a query and lets go of the interpreter lock while it searches, so that
    several threads help.
    """
    ids = np.full((len(Q), k), -1, np.int64)

    def answer(rows: range) -> None:
        for row in rows:
            found = one(Q[row])
            ids[row, : len(found)] = found

    if threads == 1:
        answer(range(len(Q)))
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(answer, [range(i, len(Q), threads) for i in range(threads)]))
    return ids
