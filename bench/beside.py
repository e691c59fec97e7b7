"""Searching beside a writer: what one costs the other.

    python bench/beside.py base.npy queries.npy

One thread searches on one processor, alone and beside a thread on another processor that replaces
vectors all the time, in turns. Compared are queries a second of processor time, which other work
on the machine doesn't take away; what threads wait for each other by spinning is in it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import threading
import time
from pathlib import Path

import numpy as np

import vicinal

#: Queries of a call, and vectors of a batch that is written.
ASKED, WRITTEN = 50, 500


def main() -> None:
    """Measure, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs=2, type=Path)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--ef", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of processor time, a round")
    parser.add_argument("--layout", choices=("compact", "fast"), default="fast")
    given = parser.parse_args()
    base, queries = (np.load(file, mmap_mode="r") for file in given.files)
    X = np.ascontiguousarray(base[: given.rows], np.float32)
    new = np.ascontiguousarray(base[given.rows : 2 * given.rows], np.float32)
    Q = np.ascontiguousarray(queries[:1000], np.float32)
    index = vicinal.Index(X.shape[1], layout=given.layout)
    index.add(X)
    searching, writing, *_ = sorted(os.sched_getaffinity(0))
    go, over = threading.Event(), threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        os.sched_setaffinity(0, {writing})
        rng = np.random.default_rng(0)
        while go.wait() and not over.is_set():
            ids = rng.choice(given.rows, WRITTEN, replace=False)
            index.upsert(new[rng.integers(len(new), size=WRITTEN)], ids, threads=1)
            written += WRITTEN

    writer = threading.Thread(target=write)
    writer.start()
    os.sched_setaffinity(0, {searching})

    def rate() -> float:
        began, asked = time.thread_time(), 0
        while time.thread_time() - began < given.seconds:
            start = asked % (len(Q) - ASKED)
            index.search(Q[start : start + ASKED], 10, ef_search=given.ef, threads=1, plan="graph")
            asked += ASKED
        return asked / (time.thread_time() - began)

    rate()
    alone, beside = [], []
    for _ in range(given.rounds):
        alone.append(rate())
        go.set()
        beside.append(rate())
        go.clear()
    over.set()
    go.set()
    writer.join()
    ratios = [b / a for a, b in zip(alone, beside, strict=True)]
    print(
        f"{given.layout}, {given.rows:,} × {X.shape[1]}, ef_search {given.ef}; {written:,} replaced"
    )
    print(f"alone {statistics.median(alone):,.0f} queries a second of processor time")
    print(f"beside a writer {statistics.median(beside):,.0f}")
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
