"""Vicinal in ann-benchmarks: copy this folder to ann_benchmarks/algorithms/vicinal there."""

import numpy as np

import vicinal

from ..base.module import BaseANN

METRICS = {"euclidean": "l2", "angular": "cosine", "hamming": "hamming"}


class Vicinal(BaseANN):
    """`vicinal.Index`, one query at a time on one thread, or a batch on all."""

    def __init__(self, metric, method_param):
        self.metric = METRICS[metric]
        self.method_param = method_param
        self.ef_search = 0
        self.name = f"vicinal ({method_param})"

    def fit(self, X):
        """Build the index."""
        self.index = vicinal.Index(
            dim=X.shape[1],
            metric=self.metric,
            dtype="bits" if self.metric == "hamming" else "f32",
            M=self.method_param["M"],
            ef_construction=self.method_param["ef_construction"],
        )
        self.index.add(self._stored(X))

    def set_query_arguments(self, ef_search):
        """Set the search knob."""
        self.ef_search = ef_search
        self.name = f"vicinal ({self.method_param}, ef_search={ef_search})"

    def query(self, v, n):
        """Answer one query."""
        return self.index.search(self._stored(v), k=n, ef_search=self.ef_search, threads=1).ids

    def batch_query(self, X, n):
        """Answer many at once."""
        self.res = self.index.search(self._stored(X), k=n, ef_search=self.ef_search).ids

    def get_additional(self):
        """Tell what results are stored with."""
        return {"ef_search": self.ef_search}

    def _stored(self, vectors):
        """Pack what comes as one boolean a component; floats go as they are."""
        if self.metric == "hamming":
            return np.packbits(np.asarray(vectors, dtype=bool), axis=-1)
        return vectors
