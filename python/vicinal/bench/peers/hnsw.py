"""The HNSW libraries: hnswlib, FAISS, USearch, Voyager.

M=16 means at most 32 links on the bottom layer in all of them; ef_construction=200.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Adapter, Ids, Vectors

HNSW = {"M": 16, "ef_construction": 200}


class Hnswlib(Adapter):
    """hnswlib: the reference implementation of the paper's authors."""

    family = module = distribution = "hnswlib"
    settings = HNSW

    def build(self, X: Vectors, threads: int) -> None:
        self.index = self.lib.Index(space=self.metric, dim=self.dim)
        self.index.init_index(max_elements=len(X), **self.options)
        self.index.add_items(X, num_threads=threads)

    def size(self) -> int | None:
        return int(self.index.index_file_size())

    def set_query_effort(self, effort: int) -> None:
        self.index.set_ef(effort)

    def search(self, Q: Vectors, k: int, threads: int) -> Ids:
        ids, _ = self.index.knn_query(Q, k=k, num_threads=threads)
        return np.asarray(ids, np.int64)


class _Faiss(Adapter):
    family = module = "faiss"
    distribution = "faiss-cpu"
    index: Any

    def _metric(self) -> int:
        # FAISS has no cosine; the vectors come normalised, so the inner product ranks alike.
        l2 = self.metric == "l2"
        return int(self.lib.METRIC_L2 if l2 else self.lib.METRIC_INNER_PRODUCT)

    def _make(self) -> Any:
        raise NotImplementedError

    def build(self, X: Vectors, threads: int) -> None:
        self.lib.omp_set_num_threads(threads)
        self.index = self._make()
        self.index.train(X)
        self.index.add(X)

    def search(self, Q: Vectors, k: int, threads: int) -> Ids:
        self.lib.omp_set_num_threads(threads)
        return np.asarray(self.index.search(Q, k)[1], np.int64)


class FaissHnsw(_Faiss):
    """FAISS HNSW over float32 vectors."""

    settings = HNSW

    def _make(self) -> Any:
        return self._knobs(self.lib.IndexHNSWFlat(self.dim, self.options["M"], self._metric()))

    def _knobs(self, index: Any) -> Any:
        index.hnsw.efConstruction = self.options["ef_construction"]
        return index

    def set_query_effort(self, effort: int) -> None:
        self.index.hnsw.efSearch = effort


class FaissSq8(FaissHnsw):
    """FAISS HNSW over 8-bit scalar codes, not re-ranked."""

    note = "keeps 8-bit codes only"

    def _make(self) -> Any:
        code = self.lib.ScalarQuantizer.QT_8bit
        return self._knobs(self.lib.IndexHNSWSQ(self.dim, code, self.options["M"], self._metric()))


class FaissFlat(_Faiss):
    """FAISS exact search."""

    efforts = (1,)
    effort_name = "(exact)"
    note = "exact, batched"

    def _make(self) -> Any:
        return self.lib.IndexFlat(self.dim, self._metric())


class USearch(Adapter):
    """USearch with vectors stored as float32."""

    family = distribution = "usearch"
    module = "usearch.index"
    settings = {**HNSW, "dtype": "f32"}

    def build(self, X: Vectors, threads: int) -> None:
        self.index = self.lib.Index(
            ndim=self.dim,
            metric={"l2": "l2sq", "cosine": "cos", "ip": "ip"}[self.metric],
            dtype=self.options["dtype"],
            connectivity=self.options["M"],
            expansion_add=self.options["ef_construction"],
        )
        self.index.add(np.arange(len(X), dtype=np.uint64), X, threads=threads)

    def set_query_effort(self, effort: int) -> None:
        self.index.expansion_search = effort

    def search(self, Q: Vectors, k: int, threads: int) -> Ids:
        return np.asarray(self.index.search(Q, k, threads=threads).keys, np.int64).reshape(
            len(Q), k
        )

    def search_one(self, q: Vectors, k: int) -> Ids:
        return np.asarray(self.index.search(q, k, threads=1).keys, np.int64)


class USearchBf16(USearch):
    """USearch with vectors stored as bfloat16."""

    settings = {**HNSW, "dtype": "bf16"}
    note = "keeps bfloat16 only"


class USearchI8(USearch):
    """USearch with vectors stored as int8."""

    settings = {**HNSW, "dtype": "i8"}
    note = "keeps 8-bit codes only"


class Voyager(Adapter):
    """Voyager, Spotify's HNSW."""

    family = module = distribution = "voyager"
    settings = HNSW

    def build(self, X: Vectors, threads: int) -> None:
        space = {"l2": "Euclidean", "cosine": "Cosine", "ip": "InnerProduct"}[self.metric]
        self.index = self.lib.Index(
            getattr(self.lib.Space, space),
            num_dimensions=self.dim,
            max_elements=len(X),
            **self.options,
        )
        self.index.add_items(X, num_threads=threads)

    def search(self, Q: Vectors, k: int, threads: int) -> Ids:
        # The library refuses an effort below k.
        effort = max(self.effort, k)
        ids, _ = self.index.query(Q, k=k, num_threads=threads, query_ef=effort)
        return np.asarray(ids, np.int64)

    def search_one(self, q: Vectors, k: int) -> Ids:
        ids, _ = self.index.query(q, k=k, num_threads=1, query_ef=max(self.effort, k))
        return np.asarray(ids, np.int64)
