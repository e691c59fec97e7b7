"""Other structures: Annoy's trees, ScaNN's partitions, SVS's Vamana, SymphonyQG, VSAG's HGraph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .base import Adapter, Ids, Vectors, search_loop


class Annoy(Adapter):
    """Annoy: a forest of random projection trees."""

    family = module = distribution = "annoy"
    settings = {"trees": 50}
    efforts = (
        *(200, 400, 800, 1200, 1600, 2400, 3200, 4800, 6400, 9600),
        *(12800, 19200, 25600, 38400, 51200, 76800, 102400),
    )
    effort_name = "search_k"

    def build(self, X: Vectors, threads: int) -> None:
        space = {"l2": "euclidean", "cosine": "angular", "ip": "dot"}[self.metric]
        self.index = self.lib.AnnoyIndex(self.dim, space)
        self.index.set_seed(1)
        for row, x in enumerate(X):
            self.index.add_item(row, x)
        self.index.build(self.options["trees"], n_jobs=threads)

    def search(self, Q: Vectors, k: int, threads: int) -> Ids:
        return search_loop(lambda q: self._one(q, k), Q, k, threads)

    def search_one(self, q: Vectors, k: int) -> Ids:
        return np.asarray(self._one(q, k), np.int64)

    def _one(self, q: Vectors, k: int) -> Any:
        return self.index.get_nns_by_vector(q, k, search_k=self.effort)


class Scann(Adapter):
    """ScaNN: partitions, anisotropic 4-bit product codes, re-ordering by the raw vectors."""

    family = module = distribution = "scann"
    # Two leaves per square root of the rows and 2 dimensions a block, as in its authors'
    # ann-benchmarks entry; re-ordering 10 candidates for each answer reaches recall 0.99.
    settings = {"leaves_per_sqrt": 2, "dims_per_block": 2, "reorder_per_k": 10, "threshold": 0.2}
    efforts = (
        1,
        2,
        3,
        4,
        6,
        8,
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
        384,
    )
    effort_name = "leaves_to_search"

    def build(self, X: Vectors, threads: int) -> None:
        leaves = max(1, round(self.options["leaves_per_sqrt"] * len(X) ** 0.5))
        distance = "squared_l2" if self.metric == "l2" else "dot_product"
        self.index = (
            self.lib.scann_ops_pybind.builder(X, 10, distance)
            .set_n_training_threads(threads)
            .tree(leaves, leaves, training_sample_size=min(len(X), 250_000))
            .score_ah(
                self.options["dims_per_block"],
                anisotropic_quantization_threshold=self.options["threshold"],
            )
            .reorder(100)
            .build()
        )

    def search(self, Q: Vectors, k: int, threads: int) -> Ids:
        knobs = {
            "final_num_neighbors": k,
            "pre_reorder_num_neighbors": self.options["reorder_per_k"] * k,
            "leaves_to_search": self.effort,
        }
        if threads == 1:
            ids, _ = self.index.search_batched(Q, **knobs)
        else:
            self.index.set_num_threads(threads)
            share = -(-len(Q) // threads)
            ids, _ = self.index.search_batched_parallel(Q, **knobs, batch_size=min(share, 256))
        return np.asarray(ids, np.int64)

    def search_one(self, q: Vectors, k: int) -> Ids:
        ids, _ = self.index.search(
            q,
            final_num_neighbors=k,
            pre_reorder_num_neighbors=self.options["reorder_per_k"] * k,
            leaves_to_search=self.effort,
        )
        return np.asarray(ids, np.int64)


class Svs(Adapter):
    """Scalable Vector Search: a Vamana graph over float32 vectors."""

    family = module = "svs"
    distribution = "scalable-vs"
    settings = {"R": 32, "window": 200}
    effort_name = "search_window"
    spare = 1.0
    """Candidates kept for re-ranking, as a multiple of the search window."""

    def build(self, X: Vectors, threads: int) -> None:
        svs = self.lib
        l2 = self.metric == "l2"
        parameters = svs.VamanaBuildParameters(
            graph_max_degree=self.options["R"],
            window_size=self.options["window"],
            alpha=1.2 if l2 else 0.95,
        )
        # Vectors come normalised for cosine, so the inner product ranks alike and is cheaper.
        distance = svs.DistanceType.L2 if l2 else svs.DistanceType.MIP
        self.index = svs.Vamana.build(parameters, self._source(X), distance, num_threads=threads)

    def _source(self, X: Vectors) -> Any:
        return X

    def set_query_effort(self, effort: int) -> None:
        parameters = self.index.search_parameters
        capacity = round(self.spare * effort)
        parameters.buffer_config = self.lib.SearchBufferConfig(effort, capacity)
        self.index.search_parameters = parameters

    def search(self, Q: Vectors, k: int, threads: int) -> Ids:
        if self.index.num_threads != threads:
            self.index.num_threads = threads
        return np.asarray(self.index.search(Q, k)[0], np.int64)


class SvsLvq(Svs):
    """Scalable Vector Search over locally-adaptive codes of 4 bits, re-ranked by 8 more."""

    settings = {**Svs.settings, "primary": 4, "residual": 8}
    spare = 1.5
    note = "keeps 4+8-bit codes only"

    def prepare(self, X: Vectors, folder: Path) -> Vectors:
        # Its compressing loader reads files only.
        self.file = str(folder / "svs.fvecs")
        self.lib.write_vecs(np.ascontiguousarray(X), self.file)
        return X

    def build(self, X: Vectors, threads: int) -> None:
        super().build(X, threads)
        Path(self.file).unlink()

    def _source(self, X: Vectors) -> Any:
        raw = self.lib.VectorDataLoader(self.file, self.lib.DataType.float32, self.dim)
        return self.lib.LVQLoader(
            raw, self.options["primary"], self.options["residual"], padding=32
        )


class Symqg(Adapter):
    """SymphonyQG of the RaBitQ library: a static graph with 1-bit codes in its rows."""

    family = distribution = module = "rabitqlib"
    settings = {"R": 32, "ef_construction": 200}
    note = "static: no inserts, no deletes"

    def build(self, X: Vectors, threads: int) -> None:
        metric = "l2" if self.metric == "l2" else "ip"
        self.index = self.lib.SymqgIndex(self.dim, self.options["R"], metric)
        self.index.build(X, self.options["ef_construction"], threads)

    def search(self, Q: Vectors, k: int, threads: int) -> Ids:
        return np.asarray(self.index.search_batch(Q, k, max(self.effort, k), threads)[0], np.int64)


class Vsag(Adapter):
    """VSAG's HGraph over 8-bit scalar codes, re-ranked by float32."""

    family = "vsag"
    module = distribution = "pyvsag"
    settings = {"R": 32, "ef_construction": 200, "code": "sq8"}
    note = "one query a call"

    def build(self, X: Vectors, threads: int) -> None:
        self.lib.set_logger_off()
        parameters = {
            "dtype": "float32",
            "metric_type": self.metric,
            "dim": self.dim,
            "index_param": {
                "base_quantization_type": self.options["code"],
                "use_reorder": True,
                "precise_quantization_type": "fp32",
                "max_degree": self.options["R"],
                "ef_construction": self.options["ef_construction"],
                "build_thread_count": threads,
            },
        }
        self.index = self.lib.Index("hgraph", json.dumps(parameters))
        self.index.build(X.reshape(-1), np.arange(len(X), dtype=np.int64), len(X), self.dim)

    def set_query_effort(self, effort: int) -> None:
        self.knobs = json.dumps({"hgraph": {"ef_search": effort}})

    def search(self, Q: Vectors, k: int, threads: int) -> Ids:
        return search_loop(lambda q: self.index.knn_search(q, k, self.knobs)[0], Q, k, threads)

    def search_one(self, q: Vectors, k: int) -> Ids:
        return np.asarray(self.index.knn_search(q, k, self.knobs)[0], np.int64)
