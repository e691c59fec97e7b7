"""Search under filters, beside what peers offer: queries a second and recall against selectivity.

    python bench/filters.py base.npy queries.npy --metric l2 -o filters.json  # measures
    python bench/filters.py --table sift.json passages.json                   # a table
    python bench/filters.py --plot sift.json passages.json -o filters.png     # draws
    python bench/filters.py --plot sift.json passages.json --kinds near far -o c.png

One thread, one query at a time. The vectors that match are drawn by chance, or are those nearest to
the query, or those farthest from it. At each share of vectors that match, each peer's list is
doubled until recall@10 reaches 0.95, and its speed is taken there; Vicinal has its default settings
throughout. Filters are made ready beforehand, and asked twice before the clock starts: so what is
measured is a filter used often, `vicinal.IdSet` here. Rounds of all peers take turns, and the
median counts; on a machine that is not idle, `--clock cpu` counts the time that the process had a
processor. "scan" is FAISS over the matching vectors alone, gathered beforehand.

The peers have to be importable: see bench/README.md for their environment. usearch and pyvsag have
filters in C++ but not in Python (usearch 2.26, pyvsag 0.18): they are asked for ever longer lists,
of which what matches is kept.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    #: Asks one query with a list of that length.
    Ask = Callable[[NDArray[np.float32], int], NDArray[np.int64]]
    Clock = Callable[[], float]

K, TARGET = 10, 0.95
#: More seconds a query than this: a longer list is not tried.
PATIENCE = 0.02
SHARES = (0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.9, 1.0)
KINDS = ("random", "near", "far")
#: Of these kinds each query has a filter of its own, and FAISS a copy of what it lets through: at
#: most so many queries, and so large a share.
PER_QUERY = ("near", "far")
MOST_PER_QUERY = (20, 0.5)
M, EF_CONSTRUCTION = 16, 200
LISTS = tuple(16 << i for i in range(9))
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


class Peer(Protocol):
    """An index of all vectors."""

    #: The lists to try, shortest first.
    efforts: tuple[int, ...]

    def __init__(self, X: NDArray[np.float32], metric: str, /) -> None:
        """Build it."""

    def ready(self, matching: NDArray[np.int64]) -> Ask:
        """Prepare a filter."""


class Vicinal:
    """A layout at its defaults."""

    efforts = (64,)
    layout = "fast"

    def __init__(self, X: NDArray[np.float32], metric: str) -> None:
        import vicinal

        self.index = vicinal.Index(X.shape[1], metric, layout=self.layout)
        self.index.add(X)

    def ready(self, matching: NDArray[np.int64]) -> Ask:
        """Make a set."""
        import vicinal

        allowed = vicinal.IdSet(matching)
        return lambda q, ef: self.index.search(q, K, ef_search=ef, filter=allowed, threads=1).ids


class VicinalCompact(Vicinal):
    """The other layout."""

    layout = "compact"


class Hnswlib:
    """hnswlib, whose filter is a function of the id."""

    efforts = LISTS[:7]

    def __init__(self, X: NDArray[np.float32], metric: str) -> None:
        import hnswlib

        self.index = hnswlib.Index(metric, X.shape[1])
        self.index.init_index(len(X), ef_construction=EF_CONSTRUCTION, M=M)
        self.index.add_items(X)

    def ready(self, matching: NDArray[np.int64]) -> Ask:
        """Make a set of Python's, the quickest function there is."""
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
    """FAISS IndexHNSWFlat with an IDSelectorBitmap; unit vectors order by l2 as by cosine."""

    efforts = LISTS

    def __init__(self, X: NDArray[np.float32], _metric: str) -> None:
        import faiss

        self.faiss, self.count = faiss, len(X)
        self.index = faiss.IndexHNSWFlat(X.shape[1], M)
        self.index.hnsw.efConstruction = EF_CONSTRUCTION
        self.index.add(X)
        faiss.omp_set_num_threads(1)

    def ready(self, matching: NDArray[np.int64]) -> Ask:
        """Make a bitmap."""
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

    def __init__(self, X: NDArray[np.float32], _metric: str) -> None:
        import faiss

        self.faiss, self.X = faiss, X

    def ready(self, matching: NDArray[np.int64]) -> Ask:
        """Gather the vectors."""
        self.faiss.omp_set_num_threads(1)
        flat = self.faiss.IndexFlatL2(self.X.shape[1])
        flat.add(self.X[matching])
        return lambda q, _: matching[flat.search(q[None], min(K, len(matching)))[1][0]]


class Usearch:
    """Usearch, of whose answers those that match are kept."""

    efforts = LISTS

    def __init__(self, X: NDArray[np.float32], metric: str) -> None:
        from usearch.index import Index

        kind = {"l2": "l2sq", "cosine": "cos"}[metric]
        self.index = Index(
            ndim=X.shape[1], metric=kind, connectivity=M, expansion_add=EF_CONSTRUCTION
        )
        self.count = len(X)
        self.index.add(np.arange(len(X)), X)

    def ready(self, matching: NDArray[np.int64]) -> Ask:
        """Make a mask."""
        mask = np.zeros(self.count, bool)
        mask[matching] = True

        def ask(q: NDArray[np.float32], ef: int) -> NDArray[np.int64]:
            self.index.expansion_search = ef
            found = np.asarray(self.index.search(q, ef, threads=1).keys, np.int64)
            return found[mask[found]][:K]

        return ask


class Vsag:
    """VSAG's HGraph over 8-bit codes, of whose answers those that match are kept."""

    efforts = LISTS

    def __init__(self, X: NDArray[np.float32], metric: str) -> None:
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

    def ready(self, matching: NDArray[np.int64]) -> Ask:
        """Make a mask."""
        mask = np.zeros(self.count, bool)
        mask[matching] = True

        def ask(q: NDArray[np.float32], ef: int) -> NDArray[np.int64]:
            knobs = json.dumps({"hgraph": {"ef_search": ef}})
            found = np.asarray(self.index.knn_search(q, ef, knobs)[0], np.int64)
            return found[mask[found]][:K]

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


class Filters:
    """Filters of one kind and share, a query each or one for all, ready for every peer."""

    def __init__(
        self, Q: NDArray[np.float32], sets: list[NDArray[np.int64]], peers: dict[str, Peer]
    ) -> None:
        self.Q = Q
        self.asks: dict[str, list[Ask]] = {}
        for name, peer in peers.items():
            asks = [peer.ready(matching) for matching in sets]
            self.asks[name] = asks * len(Q) if len(sets) == 1 else asks
        self.truth = [set(ids.tolist()) for ids in self.answers("scan", 1)]

    def answers(self, peer: str, effort: int) -> list[NDArray[np.int64]]:
        """What a peer finds."""
        return [ask(q, effort) for ask, q in zip(self.asks[peer], self.Q, strict=True)]

    def recall(self, answers: Iterable[NDArray[np.int64]]) -> float:
        """Share of the true neighbours that are found."""
        pairs = zip(answers, self.truth, strict=True)
        found = [len(true & set(ids.tolist())) for ids, true in pairs]
        return sum(found) / sum(map(len, self.truth))

    def try_out(self, peer: str, efforts: tuple[int, ...]) -> tuple[int, float]:
        """Find the shortest list that reaches the recall, or the last tried, and its recall."""
        for effort in efforts:
            self.answers(peer, effort)
            began = time.perf_counter()
            recall = self.recall(self.answers(peer, effort))
            if recall >= TARGET or time.perf_counter() - began > PATIENCE * len(self.Q):
                break
        return effort, recall

    def seconds(self, peer: str, effort: int, clock: Clock) -> float:
        """Seconds a query."""
        began = clock()
        self.answers(peer, effort)
        return (clock() - began) / len(self.Q)


def filters(
    X: NDArray[np.float32], Q: NDArray[np.float32], kind: str, share: float, peers: dict[str, Peer]
) -> Filters:
    """Draw what matches, and make it ready."""
    count = max(1, round(share * len(X)))
    if kind == "random":
        drawn = np.random.default_rng(0).permutation(len(X))[:count]
        return Filters(Q, [np.sort(drawn)], peers)
    Q = Q[: MOST_PER_QUERY[0]]
    near_first = [np.argsort(((X - q) ** 2).sum(axis=1)) for q in Q]
    part = slice(0, count) if kind == "near" else slice(len(X) - count, None)
    return Filters(Q, [np.sort(order[part]) for order in near_first], peers)


def measure(
    X: NDArray[np.float32], Q: NDArray[np.float32], metric: str, rounds: int, clock: Clock
) -> list[dict[str, Any]]:
    """Measure all peers at all shares of all kinds."""
    peers = {}
    for name, peer in PEERS.items():
        began = time.perf_counter()
        peers[name] = peer(X, metric)
        print(f"{name}: built in {time.perf_counter() - began:.1f} s", flush=True)
    rows = []
    for kind in KINDS:
        for share in SHARES:
            if kind in PER_QUERY and share > MOST_PER_QUERY[1]:
                continue
            of = filters(X, Q, kind, share, peers)
            tried = {name: of.try_out(name, peer.efforts) for name, peer in peers.items()}
            times = defaultdict(list)
            for _ in range(rounds):
                for name, (effort, _recall) in tried.items():
                    times[name].append(of.seconds(name, effort, clock))
            for name, (effort, recall) in tried.items():
                row = {
                    "kind": kind,
                    "share": share,
                    "peer": name,
                    "ef": effort,
                    "recall": round(recall, 4),
                    "qps": round(1 / statistics.median(times[name]), 1),
                }
                rows.append(row)
                print(json.dumps(row), flush=True)
    return rows


def table(results: list[dict[str, Any]]) -> None:
    """Print queries a second where the recall was reached, in Markdown."""
    print("| set, what matches | " + " | ".join(PEERS) + " |")
    print("| --- |" + " --- |" * len(PEERS))
    for result in results:
        cells: dict[tuple[str, float], dict[str, str]] = defaultdict(dict)
        for row in result["rows"]:
            reached = f"{row['qps']:,.0f}" if row["recall"] >= TARGET else "-"
            cells[row["kind"], row["share"]][row["peer"]] = reached
        for (kind, share), of_peers in cells.items():
            name = f"{result['title'].split()[0]}, {100 * share:g}% {kind}"
            print(f"| {name} | " + " | ".join(of_peers[peer] for peer in PEERS) + " |")


def plot(results: list[dict[str, Any]], kinds: list[str], output: Path) -> None:
    """Draw speed and recall against the share that matches."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    panels = [(result, kind) for kind in kinds for result in results]
    figure, axes = plt.subplots(
        2, len(panels), figsize=(5 * len(panels), 6), height_ratios=(3, 1), squeeze=False
    )
    colours = ("#c2410c", "#f59e0b", "#64748b", "#2563eb", "#7c3aed", "#db2777", "#16a34a")
    for (speed, quality), (result, kind) in zip(axes.T, panels, strict=True):
        for peer, colour in zip(PEERS, colours, strict=True):
            rows = [row for row in result["rows"] if (row["peer"], row["kind"]) == (peer, kind)]
            shares = [row["share"] for row in rows]
            reached = [row["qps"] if row["recall"] >= TARGET else None for row in rows]
            wide = 2.4 if peer.startswith("vicinal") else 1.4
            style = {"color": colour, "linewidth": wide, "markersize": 4}
            speed.plot(shares, reached, "o-", label=peer, **style)
            quality.plot(shares, [row["recall"] for row in rows], "o-", **style)
        speed.set(title=f"{result['title']}, {kind}", xscale="log", yscale="log")
        speed.set_ylabel(f"queries a second at recall ≥ {TARGET}")
        speed.grid(alpha=0.3)
        quality.axhline(TARGET, color="black", linewidth=0.8, linestyle=":")
        quality.set(xscale="log", ylim=(0, 1.05), xlabel="share of vectors that match")
        quality.set_ylabel("recall@10")
        quality.grid(alpha=0.3)
    axes[0, 0].legend()
    figure.tight_layout()
    figure.savefig(output, dpi=100)


def main() -> None:
    """Measure, print or draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--plot", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["random"])
    parser.add_argument("--metric", choices=("l2", "cosine"), default="l2")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    if given.plot or given.table:
        results = [json.loads(file.read_text()) for file in given.files]
        if given.table:
            table(results)
        else:
            plot(results, given.kinds, given.output)
        return
    base, queries = (np.load(file, mmap_mode="r") for file in given.files)
    X = np.ascontiguousarray(base[: given.rows], np.float32)
    Q = np.ascontiguousarray(queries[: given.queries], np.float32)
    if given.metric == "cosine":
        X, Q = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (X, Q))
    title = f"{given.files[0].stem.removesuffix('_base')} {len(X):,} × {X.shape[1]}"
    rows = measure(X, Q, given.metric, given.rounds, CLOCKS[given.clock])
    given.output.write_text(json.dumps({"title": title, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
