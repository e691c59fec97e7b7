"""Search under filters, beside what peers offer: queries a second and recall against selectivity.

    python bench/filters.py base.npy queries.npy --metric l2 -o filters.json  # measures
    python bench/filters.py --table sift.json passages.json                   # tables
    python bench/filters.py --plot sift.json passages.json -o filters.png     # draws
    python bench/filters.py --plot sift.json passages.json --kinds near far -o c.png

One thread, one query at a time; with --batch all queries in one call, where they share a filter.
The vectors that match are drawn by chance, or are those nearest to the query, or those farthest
from it. At each share of vectors that match, everyone's list is doubled, from 16 on, until
recall@10 reaches 0.95, and speed is taken there; Vicinal's at its default list stands beside it.
Filters are made ready beforehand, and asked twice before the clock starts: so what is measured is a
filter used often, `vicinal.IdSet` here. Rounds of all peers take turns, each begun by a round that
does not count, and the median counts; on a machine that is not idle, `--clock cpu` counts the time
that the process had a processor. "scan" is FAISS over the matching vectors alone, gathered
beforehand.

The peers have to be importable: see bench/README.md for their environment.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filters_peers import DEFAULTS, PEERS
from filters_shown import KINDS, TARGET, plot, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from filters_peers import Ask, Ids, Peer, Rows

    Clock = Callable[[], float]

#: More seconds a query than this: a longer list is not tried.
PATIENCE = 0.02
SHARES = (0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.9, 1.0)
#: Of these kinds each query has a filter of its own, and FAISS a copy of what it lets through: at
#: most so many queries, and so large a share.
PER_QUERY = ("near", "far")
MOST_PER_QUERY = (20, 0.5)
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


class Filters:
    """Filters of one kind and share, a query each or one for all, ready for every peer."""

    def __init__(self, Q: Rows, sets: list[Ids], peers: dict[str, Peer], together: bool) -> None:
        each = np.split(Q, len(Q))
        self.asks: dict[str, list[Ask]] = {}
        for name, peer in peers.items():
            asks = [peer.ready(matching) for matching in sets]
            self.asks[name] = asks * len(Q) if len(sets) == 1 and not together else asks
        #: What is asked in one call.
        self.calls = [Q] if together else each
        self.queries = len(Q)
        self.truth = [set(ids.tolist()) for ids in self.answers("scan", 1)]

    def answers(self, peer: str, effort: int) -> list[Ids]:
        """What a peer finds."""
        calls = zip(self.asks[peer], self.calls, strict=True)
        return [ids for ask, rows in calls for ids in ask(rows, effort)]

    def recall(self, answers: Iterable[Ids]) -> float:
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
            if recall >= TARGET or time.perf_counter() - began > PATIENCE * self.queries:
                break
        return effort, recall

    def seconds(self, peer: str, effort: int, clock: Clock) -> float:
        """Seconds a query, once those who were asked before have left the caches."""
        self.answers(peer, effort)
        began = clock()
        self.answers(peer, effort)
        return (clock() - began) / self.queries


def filters(
    X: Rows, Q: Rows, kind: str, share: float, peers: dict[str, Peer], *, together: bool
) -> Filters:
    """Draw what matches, and make it ready."""
    count = max(1, round(share * len(X)))
    if kind == "random":
        drawn = np.random.default_rng(0).permutation(len(X))[:count]
        return Filters(Q, [np.sort(drawn)], peers, together)
    Q = Q[: MOST_PER_QUERY[0]]
    near_first = [np.argsort(((X - q) ** 2).sum(axis=1)) for q in Q]
    part = slice(0, count) if kind == "near" else slice(len(X) - count, None)
    return Filters(Q, [np.sort(order[part]) for order in near_first], peers, together=False)


def measure(
    X: Rows, Q: Rows, metric: str, rounds: int, clock: Clock, *, together: bool
) -> list[dict[str, Any]]:
    """Measure all peers at all shares of all kinds."""
    peers = {}
    for name, peer in PEERS.items():
        began = time.perf_counter()
        peers[name] = peer(X, metric)
        print(f"{name}: built in {time.perf_counter() - began:.1f} s", flush=True)
    rows = []
    for kind in KINDS[:1] if together else KINDS:
        for share in SHARES:
            if kind in PER_QUERY and share > MOST_PER_QUERY[1]:
                continue
            of = filters(X, Q, kind, share, peers, together=together)
            runs = [(name, *of.try_out(name, peer.efforts)) for name, peer in peers.items()]
            for name, effort in DEFAULTS.items():
                runs.append((name, effort, of.try_out(name, (effort,))[1]))
            times = defaultdict(list)
            for _ in range(rounds):
                for run in runs:
                    times[run].append(of.seconds(*run[:2], clock))
            for place, (name, effort, recall) in enumerate(runs):
                row = {
                    "kind": kind,
                    "share": share,
                    "peer": name,
                    "ef": effort,
                    "default": place >= len(peers),
                    "recall": round(recall, 4),
                    "qps": round(1 / statistics.median(times[name, effort, recall]), 1),
                }
                rows.append(row)
                print(json.dumps(row), flush=True)
    return rows


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
    parser.add_argument("--batch", action="store_true", help="all queries in one call")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    if given.plot or given.table:
        results = [json.loads(file.read_text()) for file in given.files]
        if given.table:
            print(tables(results))
        else:
            plot(results, given.kinds).save(given.output)
        return
    base, queries = (np.load(file, mmap_mode="r") for file in given.files)
    X = np.ascontiguousarray(base[: given.rows], np.float32)
    Q = np.ascontiguousarray(queries[: given.queries], np.float32)
    if given.metric == "cosine":
        X, Q = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (X, Q))
    title = f"{given.files[0].stem.removesuffix('_base')} {len(X):,} × {X.shape[1]}"
    clock = CLOCKS[given.clock]
    rows = measure(X, Q, given.metric, given.rounds, clock, together=given.batch)
    given.output.write_text(json.dumps({"title": title, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
