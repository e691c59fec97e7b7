"""Vicinal itself, through the same door as its users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .base import Adapter, Ids, Vectors

if TYPE_CHECKING:
    from pathlib import Path


# Settings that are told to the process, not to the index.
_ENV = {"isa", "walks"}


class Vicinal(Adapter):
    """The graph of ``vicinal.Index``; settings are the keywords of its constructor and two more.

    ``isa`` forces an instruction set, ``walks`` says how many queries of a batch take turns: with
    1 they are answered one after the other, as by libraries that loop over them. Left to itself,
    the index compares few vectors one by one; that is what `VicinalExact` measures.
    """

    family = module = distribution = "vicinal"
    settings = {"M": 16, "ef_construction": 200, "dtype": "f32"}

    @classmethod
    def environment(cls, settings: dict[str, Any]) -> dict[str, str]:
        return {f"VICINAL_{name.upper()}": str(settings[name]) for name in _ENV & settings.keys()}

    def __init__(
        self, metric: str, dim: int, isa: str | None = None, walks: int = 4, **settings: Any
    ) -> None:
        super().__init__(metric, dim, **settings)
        if walks not in range(1, 5):
            raise ValueError(f"walks={walks}: 1 to 4 queries take turns")
        if isa not in (None, self.lib.isa()):
            raise ValueError(f"this process uses {self.lib.isa()}, not {isa}")

    def version(self) -> str:
        # What is imported counts, installed or not.
        return str(self.lib.__version__)

    def prepare(self, X: Vectors, folder: Path) -> Vectors:
        return self.prepare_queries(X)

    def prepare_queries(self, Q: Vectors) -> Vectors:
        # The float types take float32 as it is; whoever stores integers has them.
        integer = {"u8": np.uint8, "i8": np.int8}.get(self.options["dtype"])
        if integer is None:
            return Q
        cast = Q.astype(integer)
        if not np.array_equal(cast, Q):
            raise ValueError(f"the vectors are not of dtype {self.options['dtype']}")
        return cast

    def build(self, X: Vectors, threads: int) -> None:
        self.index = self.lib.Index(dim=self.dim, metric=self.metric, **self.options)
        self.index.add(X, threads=threads)

    def search(self, Q: Vectors, k: int, threads: int) -> Ids:
        return np.asarray(self._walk(Q, k, threads=threads).ids)

    def search_one(self, q: Vectors, k: int) -> Ids:
        return np.asarray(self._walk(q, k, threads=1).ids)

    def counters(self, Q: Vectors, k: int) -> dict[str, float]:
        return means(self._walk(Q, k, threads=0, counters=True).counters)

    def size(self) -> int | None:
        return int(sum(self.index.stats().bytes.values()))

    def _walk(self, Q: Vectors, k: int, **how: Any) -> Any:
        return self.index.search(Q, k=k, ef_search=self.effort, plan="graph", **how)


class VicinalExact(Vicinal):
    """The exact search of ``vicinal.Index``."""

    efforts = (1,)
    effort_name = "(exact)"
    note = "exact; the build is that of the graph, which it does not use"

    def search(self, Q: Vectors, k: int, threads: int) -> Ids:
        return np.asarray(self.index.search(Q, k=k, exact=True, threads=threads).ids)

    def search_one(self, q: Vectors, k: int) -> Ids:
        return np.asarray(self.index.search(q, k=k, exact=True, threads=1).ids)

    def counters(self, Q: Vectors, k: int) -> dict[str, float]:
        return {}


class VicinalKnn(Vicinal):
    """``vicinal.knn``: exact search without an index, which looks all vectors over at each call."""

    settings = {"dtype": "f32"}
    efforts = (1,)
    effort_name = "(exact)"
    note = "exact, without an index"

    def build(self, X: Vectors, threads: int) -> None:
        self.X = np.array(X)

    def search(self, Q: Vectors, k: int, threads: int) -> Ids:
        found = self.lib.knn(self.X, Q, k=k, metric=self.metric, threads=threads, **self.options)
        return np.asarray(found.ids)

    def search_one(self, q: Vectors, k: int) -> Ids:
        return Adapter.search_one(self, q, k)

    def size(self) -> int | None:
        return None

    def counters(self, Q: Vectors, k: int) -> dict[str, float]:
        return {}


def means(counters: Any) -> dict[str, float]:
    """Return the mean per query of what a search counts."""
    names = ("distance_evaluations", "estimates", "hops", "reranked")
    return {
        name: float(np.mean(getattr(counters, name))) for name in names if hasattr(counters, name)
    }
