"""Streaming insertion beside hnswlib: vectors that come in small batches, on one thread.

    python bench/insert.py base.npy queries.npy --metric l2

Each library gets the rows in batches of --batch, too few for a bulk build, until it holds --rows.
Processor time is counted, and the libraries take turns, so that other work on the machine weighs
on all alike; figures are medians of the rounds, ratios medians of the rounds' ratios. Each index is
then searched: the recall@10 at one ef says what the graphs are worth. Bytes are those that the
libraries count themselves, of hnswlib those of its file: its table of labels comes on top.

hnswlib has to be importable: see bench/README.md for its environment.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import hnswlib
import numpy as np

import vicinal

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Rows = NDArray[np.float32]

K, M, EF_CONSTRUCTION = 10, 16, 200


class Library(Protocol):
    """What is compared."""

    def add(self, X: Rows) -> None:
        """Add a batch."""

    def search(self, Q: Rows, ef: int) -> NDArray[np.int64]:
        """Find the k nearest."""

    def size(self) -> int:
        """Count the bytes of the index."""


class Vicinal:
    """One of the layouts and stores."""

    def __init__(self, dim: int, metric: str, layout: str, store: str) -> None:
        self.index = vicinal.Index(
            dim,
            metric=metric,
            M=M,
            ef_construction=EF_CONSTRUCTION,
            layout=layout,
            store=store,
        )

    def add(self, X: Rows) -> None:
        """Add a batch."""
        self.index.add(X, threads=1)

    def search(self, Q: Rows, ef: int) -> NDArray[np.int64]:
        """Find the k nearest."""
        return self.index.search(Q, K, ef_search=ef, plan="graph").ids

    def size(self) -> int:
        """Count the bytes of the index."""
        return sum(self.index.stats().bytes.values())


class Hnswlib:
    """Told beforehand how many there will be."""

    def __init__(self, dim: int, metric: str, rows: int) -> None:
        self.index = hnswlib.Index(space=metric, dim=dim)
        self.index.init_index(max_elements=rows, M=M, ef_construction=EF_CONSTRUCTION)

    def add(self, X: Rows) -> None:
        """Add a batch."""
        self.index.add_items(X, num_threads=1)

    def search(self, Q: Rows, ef: int) -> NDArray[np.int64]:
        """Find the k nearest."""
        self.index.set_ef(ef)
        found: NDArray[np.int64] = self.index.knn_query(Q, K)[0].astype(np.int64)
        return found

    def size(self) -> int:
        """Count the bytes of the index."""
        return int(self.index.index_file_size())


def main() -> None:
    """Measure, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs=2, type=Path)
    parser.add_argument("--metric", choices=("l2", "cosine"), default="l2")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--ef", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stores", default="f32", help="f32,f16,none or some of them")
    given = parser.parse_args()
    base, queries = (np.load(file, mmap_mode="r") for file in given.files)
    X, Q = (
        np.ascontiguousarray(base[: given.rows], np.float32),
        np.ascontiguousarray(queries[:1000], np.float32),
    )
    truth = vicinal.knn(X, Q, K, metric=given.metric).ids
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    makes: dict[str, Callable[[], Library]] = {
        "hnswlib": lambda: Hnswlib(X.shape[1], given.metric, len(X)),
    }
    for layout in ("compact", "fast"):
        for store in given.stores.split(","):
            makes[f"vicinal {layout} {store}"] = partial(
                Vicinal, X.shape[1], given.metric, layout, store
            )
    rates: dict[str, list[float]] = {name: [] for name in makes}
    recalls, sizes = {}, {}
    for _ in range(given.rounds):
        for name, make in makes.items():
            library = make()
            start = time.process_time()
            for first in range(0, len(X), given.batch):
                library.add(X[first : first + given.batch])
            rates[name].append(len(X) / (time.process_time() - start))
            sizes[name] = library.size() / len(X)
            found = library.search(Q, given.ef)
            recalls[name] = np.mean(
                [np.isin(f, t).mean() for f, t in zip(found, truth, strict=True)]
            )
    print(f"{len(X):,} x {X.shape[1]} in batches of {given.batch}, {given.rounds} rounds")
    for name, rate in rates.items():
        ratio = statistics.median(
            ours / theirs for ours, theirs in zip(rate, rates["hnswlib"], strict=True)
        )
        print(
            f"{name:20} {statistics.median(rate):8,.0f} vectors/s, {ratio:.2f} x hnswlib,"
            f" recall@{K} {recalls[name]:.4f} at ef {given.ef}, {sizes[name]:,.0f} bytes a vector,"
            f" {sizes[name] / sizes['hnswlib']:.2f} x hnswlib"
        )


if __name__ == "__main__":
    main()
