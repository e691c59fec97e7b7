"""Search under filters, beside what peers offer: queries a second and recall against selectivity.

    python bench/filters.py base.npy queries.npy --metric l2 -o filters.json   # measures
    python bench/filters.py --plot sift.json passages.json -o filters.png      # draws

One thread, one query at a time. At each share of vectors that match, drawn by chance, each peer's
list is doubled until recall@10 reaches 0.95, and its speed is taken there; Vicinal has its default
settings throughout. Peers' filters are made ready beforehand, as `vicinal.IdSet` is. Rounds of all
peers take turns, and the median counts. "scan" is FAISS over the matching vectors alone, gathered
beforehand: what a scan could be at best.

The peers have to be importable: see bench/README.md for their environment. usearch has filters in
C++ but not in Python.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    #: Asks one query with a list of that length.
    Ask = Callable[[NDArray[np.float32], int], NDArray[np.int64]]

K, TARGET = 10, 0.95
SHARES = (0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.9, 1.0)
M, EF_CONSTRUCTION = 16, 200


class Vicinal:
    """The fast layout at its defaults."""

    efforts = (64,)

    def __init__(self, X: NDArray[np.float32], metric: str) -> None:
        import vicinal

        self.index = vicinal.Index(X.shape[1], metric, layout="fast")
        self.index.add(X)

    def ready(self, matching: NDArray[np.int64]) -> Ask:
        """Prepare a filter."""
        import vicinal

        allowed = vicinal.IdSet(matching)
        return lambda q, ef: self.index.search(q, K, ef_search=ef, filter=allowed, threads=1).ids


class Hnswlib:
    """hnswlib, whose filter is a function of the id."""

    efforts = (16, 32, 64, 128, 256, 512, 1024)

    def __init__(self, X: NDArray[np.float32], metric: str) -> None:
        import hnswlib

        self.index = hnswlib.Index({"l2": "l2", "cosine": "cosine"}[metric], X.shape[1])
        self.index.init_index(len(X), ef_construction=EF_CONSTRUCTION, M=M)
        self.index.add_items(X)

    def ready(self, matching: NDArray[np.int64]) -> Ask:
        """Prepare a filter."""
        allowed = set(matching.tolist())

        def ask(q: NDArray[np.float32], ef: int) -> NDArray[np.int64]:
            self.index.set_ef(ef)
            try:
                found = self.index.knn_query(q, K, num_threads=1, filter=allowed.__contains__)
            except RuntimeError:  # fewer than K were found
                return np.empty(0, np.int64)
            return np.asarray(found[0][0], np.int64)

        return ask


class Faiss:
    """FAISS IndexHNSWFlat with an IDSelectorBitmap."""

    efforts = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)

    def __init__(self, X: NDArray[np.float32], metric: str) -> None:
        import faiss

        self.faiss, self.metric, self.count = faiss, metric, len(X)
        self.index = faiss.IndexHNSWFlat(X.shape[1], M)
        self.index.hnsw.efConstruction = EF_CONSTRUCTION
        self.index.add(X)

    def ready(self, matching: NDArray[np.int64]) -> Ask:
        """Prepare a filter."""
        self.faiss.omp_set_num_threads(1)
        mask = np.zeros(self.count, bool)
        mask[matching] = True
        selector = self.faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))

        def ask(q: NDArray[np.float32], ef: int) -> NDArray[np.int64]:
            how = self.faiss.SearchParametersHNSW(sel=selector, efSearch=ef)
            return np.asarray(self.index.search(q[None], K, params=how)[1][0], np.int64)

        return ask


class Scan:
    """FAISS IndexFlatL2 over the matching vectors alone."""

    efforts = (1,)

    def __init__(self, X: NDArray[np.float32], metric: str) -> None:
        import faiss

        self.faiss, self.X = faiss, X  # unit vectors order by l2 as by cosine
        assert metric in ("l2", "cosine")

    def ready(self, matching: NDArray[np.int64]) -> Ask:
        """Gather the vectors."""
        self.faiss.omp_set_num_threads(1)
        flat = self.faiss.IndexFlatL2(self.X.shape[1])
        flat.add(self.X[matching])
        return lambda q, _: matching[flat.search(q[None], min(K, len(matching)))[1][0]]


PEERS = {"vicinal": Vicinal, "hnswlib": Hnswlib, "faiss": Faiss, "scan": Scan}


def recall_of(ask: Ask, Q: NDArray[np.float32], effort: int, truth: list[set[int]]) -> float:
    """Share of the true neighbours that are found."""
    found = [len(true & set(ask(q, effort).tolist())) for q, true in zip(Q, truth, strict=True)]
    return sum(found) / sum(map(len, truth))


def seconds_of(ask: Ask, Q: NDArray[np.float32], effort: int) -> float:
    """Seconds a query."""
    began = time.perf_counter()
    for q in Q:
        ask(q, effort)
    return (time.perf_counter() - began) / len(Q)


def measure(
    X: NDArray[np.float32], Q: NDArray[np.float32], metric: str, rounds: int
) -> list[dict[str, Any]]:
    """Measure all peers at all shares."""
    peers = {}
    for name, peer in PEERS.items():
        began = time.perf_counter()
        peers[name] = peer(X, metric)
        print(f"{name}: built in {time.perf_counter() - began:.1f} s", flush=True)
    order = np.random.default_rng(0).permutation(len(X))
    rows = []
    for share in SHARES:
        matching = np.sort(order[: max(1, round(share * len(X)))])
        exact = peers["scan"].ready(matching)
        truth = [set(exact(q, 1).tolist()) for q in Q]
        asks = {name: peer.ready(matching) for name, peer in peers.items()}
        effort, recall = {}, {}
        for name, ask in asks.items():
            for tried in peers[name].efforts:
                effort[name], recall[name] = tried, recall_of(ask, Q, tried, truth)
                if recall[name] >= TARGET:
                    break
        times: dict[str, list[float]] = {name: [] for name in asks}
        for _ in range(rounds):
            for name, ask in asks.items():
                times[name].append(seconds_of(ask, Q, effort[name]))
        for name in asks:
            row = {
                "peer": name,
                "share": share,
                "matching": len(matching),
                "ef": effort[name],
                "recall": round(recall[name], 4),
                "qps": round(1 / statistics.median(times[name]), 1),
            }
            rows.append(row)
            print(json.dumps(row), flush=True)
    return rows


def plot(results: list[dict[str, Any]], output: Path) -> None:
    """Draw speed and recall against the share that matches."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        2, len(results), figsize=(5.5 * len(results), 6), height_ratios=(3, 1), squeeze=False
    )
    colours = {"vicinal": "#c2410c", "hnswlib": "#64748b", "faiss": "#2563eb", "scan": "#16a34a"}
    for (speed, quality), result in zip(axes.T, results, strict=True):
        for peer, colour in colours.items():
            rows = [row for row in result["rows"] if row["peer"] == peer]
            shares = [row["share"] for row in rows]
            reached = [row["qps"] if row["recall"] >= TARGET else None for row in rows]
            wide = 2.4 if peer == "vicinal" else 1.4
            speed.plot(
                shares, reached, "o-", color=colour, label=peer, linewidth=wide, markersize=4
            )
            quality.plot(
                shares, [row["recall"] for row in rows], "o-", color=colour, linewidth=wide,
                markersize=4,
            )  # fmt: skip
        speed.set(title=result["title"], xscale="log", yscale="log")
        speed.set_ylabel(f"queries a second at recall ≥ {TARGET}")
        speed.grid(alpha=0.3)
        quality.axhline(TARGET, color="black", linewidth=0.8, linestyle=":")
        quality.set(xscale="log", ylim=(0, 1.05), xlabel="share of vectors that match")
        quality.set_ylabel("recall@10")
        quality.grid(alpha=0.3)
    axes[0, 0].legend()
    figure.tight_layout()
    figure.savefig(output, dpi=110)


def main() -> None:
    """Measure, or draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--plot", action="store_true")
    parser.add_argument("--metric", choices=("l2", "cosine"), default="l2")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    if given.plot:
        plot([json.loads(file.read_text()) for file in given.files], given.output)
        return
    base, queries = (np.load(file, mmap_mode="r") for file in given.files)
    X = np.ascontiguousarray(base[: given.rows], np.float32)
    Q = np.ascontiguousarray(queries[: given.queries], np.float32)
    if given.metric == "cosine":
        X, Q = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (X, Q))
    title = f"{given.files[0].stem.removesuffix('_base')} {len(X):,} × {X.shape[1]}"
    rows = measure(X, Q, given.metric, given.rounds)
    given.output.write_text(json.dumps({"title": title, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
