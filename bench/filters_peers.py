"""The peers of `filters.py`: an index of each library, and how it takes a filter.

usearch and pyvsag have filters in C++ but not in Python (usearch 2.26, pyvsag 0.18): they are asked
for ever longer lists, of which what matches is kept.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Rows = NDArray[np.float32]
    Ids = NDArray[np.int64]
    #: Asks all rows in one call, with a list of that length; the ids that each finds.
    Ask = Callable[[Rows, int], Sequence[Ids]]

K = 10
M, EF_CONSTRUCTION = 16, 200
#: The lists to try, shortest first.
LISTS = tuple(16 << i for i in range(9))


class Peer(Protocol):
    """An index of all vectors."""

    #: The lists to try, shortest first.
    efforts: tuple[int, ...]

    def __init__(self, X: Rows, metric: str, /) -> None:
        """Build it."""

    def ready(self, matching: Ids) -> Ask:
        """Prepare a filter."""


class Vicinal:
    """A layout; the filter is an `IdSet`."""

    efforts = LISTS
    layout = "fast"

    def __init__(self, X: Rows, metric: str) -> None:
        import vicinal

        self.index = vicinal.Index(X.shape[1], metric, layout=self.layout)
        self.index.add(X)

    def ready(self, matching: Ids) -> Ask:
        """Make a set."""
        import vicinal

        allowed = vicinal.IdSet(matching)

        def ask(Q: Rows, ef: int) -> Sequence[Ids]:
            if len(Q) == 1:
                return (self.index.search(Q[0], K, ef_search=ef, filter=allowed, threads=1).ids,)
            return self.index.search(Q, K, ef_search=ef, filter=allowed, threads=1).ids

        return ask


class VicinalCompact(Vicinal):
    """The other layout."""

    layout = "compact"


class Hnswlib:
    """hnswlib, whose filter is a function of the id."""

    efforts = LISTS[:7]

    def __init__(self, X: Rows, metric: str) -> None:
        import hnswlib

        self.index = hnswlib.Index(metric, X.shape[1])
        self.index.init_index(len(X), ef_construction=EF_CONSTRUCTION, M=M)
        self.index.add_items(X)

    def ready(self, matching: Ids) -> Ask:
        """Make a set of Python's, the quickest function there is."""
        allowed = set(matching.tolist())

        def ask(Q: Rows, ef: int) -> Sequence[Ids]:
            self.index.set_ef(ef)
            try:
                found = self.index.knn_query(Q, K, num_threads=1, filter=allowed.__contains__)
            except RuntimeError:  # fewer than K were found
                return np.empty((len(Q), 0), np.int64)
            return np.asarray(found[0], np.int64)

        return ask


class Faiss:
    """FAISS IndexHNSWFlat with an IDSelectorBitmap; unit vectors order by l2 as by cosine."""

    efforts = LISTS

    def __init__(self, X: Rows, _metric: str) -> None:
        import faiss

        self.faiss, self.count = faiss, len(X)
        self.index = faiss.IndexHNSWFlat(X.shape[1], M)
        self.index.hnsw.efConstruction = EF_CONSTRUCTION
        self.index.add(X)
        faiss.omp_set_num_threads(1)

    def ready(self, matching: Ids) -> Ask:
        """Make a bitmap."""
        mask = np.zeros(self.count, bool)
        mask[matching] = True
        selector = self.faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))

        def ask(Q: Rows, ef: int) -> Sequence[Ids]:
            how = self.faiss.SearchParametersHNSW(sel=selector, efSearch=ef)
            return np.asarray(self.index.search(Q, K, params=how)[1], np.int64)

        return ask


class Scan:
    """FAISS IndexFlatL2 over the matching vectors alone."""

    efforts = (1,)

    def __init__(self, X: Rows, _metric: str) -> None:
        import faiss

        self.faiss, self.X = faiss, X

    def ready(self, matching: Ids) -> Ask:
        """Gather the vectors."""
        self.faiss.omp_set_num_threads(1)
        flat = self.faiss.IndexFlatL2(self.X.shape[1])
        flat.add(self.X[matching])
        return lambda Q, _: matching[flat.search(Q, min(K, len(matching)))[1]]


class Usearch:
    """Usearch, of whose answers those that match are kept."""

    efforts = LISTS

    def __init__(self, X: Rows, metric: str) -> None:
        from usearch.index import Index

        kind = {"l2": "l2sq", "cosine": "cos"}[metric]
        self.index = Index(
            ndim=X.shape[1], metric=kind, connectivity=M, expansion_add=EF_CONSTRUCTION
        )
        self.count = len(X)
        self.index.add(np.arange(len(X)), X)

    def ready(self, matching: Ids) -> Ask:
        """Make a mask."""
        mask = np.zeros(self.count, bool)
        mask[matching] = True

        def ask(Q: Rows, ef: int) -> Sequence[Ids]:
            self.index.expansion_search = ef
            many = self.index.search(Q if len(Q) > 1 else Q[0], ef, threads=1)
            found = [np.asarray(of.keys, np.int64) for of in (many if len(Q) > 1 else [many])]
            return [ids[mask[ids]][:K] for ids in found]

        return ask


class Vsag:
    """VSAG's HGraph over 8-bit codes, of whose answers those that match are kept."""

    efforts = LISTS

    def __init__(self, X: Rows, metric: str) -> None:
        import pyvsag

        pyvsag.set_logger_off()
        index = {
            "base_quantization_type": "sq8",
            "use_reorder": True,
            "precise_quantization_type": "fp32",
            "max_degree": 2 * M,
            "ef_construction": EF_CONSTRUCTION,
            "build_thread_count": 2,
        }
        parameters = {
            "dtype": "float32",
            "metric_type": metric,
            "dim": X.shape[1],
            "index_param": index,
        }
        self.index = pyvsag.Index("hgraph", json.dumps(parameters))
        self.index.build(X.reshape(-1), np.arange(len(X), dtype=np.int64), *X.shape)
        self.count = len(X)

    def ready(self, matching: Ids) -> Ask:
        """Make a mask."""
        mask = np.zeros(self.count, bool)
        mask[matching] = True

        def ask(Q: Rows, ef: int) -> Sequence[Ids]:
            knobs = json.dumps({"hgraph": {"ef_search": ef}})
            # The end of a list that it can't fill is left as it was.
            most = min(ef, self.count // 4)
            found = [np.asarray(self.index.knn_search(q, most, knobs)[0], np.int64) for q in Q]
            return [ids[mask[ids]][:K] for ids in found]

        return ask


PEERS: dict[str, type[Peer]] = {
    "vicinal": Vicinal,
    "vicinal compact": VicinalCompact,
    "hnswlib": Hnswlib,
    "faiss": Faiss,
    "usearch": Usearch,
    "vsag": Vsag,
    "scan": Scan,
}
#: Lists that are measured besides, whether they reach the recall or not.
DEFAULTS = {"vicinal": 64, "vicinal compact": 64}
