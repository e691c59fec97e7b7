"""Certified search beside exact search of the same index.

    python bench/certify.py                    # sets as in run.py
    python bench/certify.py vectors.npy --queries 500 --rounds 9

One thread, one query at a time, the ways in turns; then the same queries in one batch. Every
certified answer is also held against distances computed in float64 here, and one that is wrong
ends the run.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from run import GENERATED, RESULTS, say, sets, told, workload

from vicinal import Index

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vicinal import SearchResult

WAYS: dict[str, dict[str, Any]] = {
    "exact search": {"exact": True},
    'guarantee="exact"': {"guarantee": "exact"},
    "guarantee=0.1": {"guarantee": 0.1},
    "guarantee=0.5": {"guarantee": 0.5},
    "no guarantee": {},
}
HEAD = [
    "| | | ms a query | of exact search | in a batch, of exact search | vectors measured | most |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
]


def nearest(
    base: NDArray[Any], queries: NDArray[Any], metric: str, k: int
) -> Iterator[NDArray[np.float64]]:
    """Yield the k smallest distances of each query, in float64."""
    rows = base.astype(np.float64)
    squares = (rows * rows).sum(axis=1)
    for query in queries.astype(np.float64):
        products = rows @ query
        if metric == "ip":
            far = -products
        elif metric == "cosine":
            far = 1.0 - products / np.sqrt(squares * (query @ query))
        else:
            # Sums of squares lose digits: they choose, differences measure.
            far = squares - 2.0 * products
            chosen = np.argpartition(far, 4 * k)[: 4 * k]
            off = rows[chosen] - query
            far = (off * off).sum(axis=1)
            far = np.sqrt(far) if metric == "l2" else far
        yield np.sort(np.partition(far, k - 1)[:k])


def check(found: SearchResult, truth: NDArray[np.float64], name: str) -> None:
    """Stop if what is certified of one query does not hold."""
    # One rounding to float32, and what float64 itself loses of distances near 0.
    most = (1.0 + float(found.epsilon)) * truth + 1.2e-7 * np.abs(truth) + 1e-12
    if not (found.certified and np.all(found.distances <= most)):
        raise SystemExit(f"{name}: a certificate is wrong")


def one_by_one(index: Index, queries: NDArray[Any], k: int, how: dict[str, Any]) -> float:
    """Return the median seconds of a query."""
    seconds = []
    for query in queries:
        began = time.perf_counter()
        index.search(query, k, threads=1, **how)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def at_once(index: Index, queries: NDArray[Any], k: int, how: dict[str, Any]) -> float:
    """Return the seconds of a query in a batch."""
    began = time.perf_counter()
    index.search(queries, k, threads=1, **how)
    return (time.perf_counter() - began) / len(queries)


def measured(name: str, options: argparse.Namespace) -> list[str]:
    """Return the rows of one data set."""
    data = workload(name, options.metric, options.rows)
    k = options.k
    base = data.base[: options.rows] if options.rows else data.base
    if options.dtype != "u8":
        base = base.astype(np.float32)
    queries = data.queries[: options.queries].astype(base.dtype)
    index = Index(base.shape[1], metric=data.metric, dtype=options.dtype)
    index.add(base)
    began = time.perf_counter()
    index.prepare_guarantees(threads=1)
    say(f"{name}: prepared in {time.perf_counter() - began:.1f} s")
    truth = np.array(list(nearest(base, queries, data.metric, k)))
    times: dict[str, tuple[list[float], list[float]]] = {way: ([], []) for way in WAYS}
    answers = {
        way: [index.search(query, k, threads=1, **how) for query in queries]
        for way, how in WAYS.items()
        if "guarantee" in how
    }
    for way, found in answers.items():
        for one, true in zip(found, truth, strict=True):
            check(one, true, f"{name}, {way}")
    for _ in range(options.rounds):
        for way, how in WAYS.items():
            times[way][0].append(one_by_one(index, queries, k, how))
            times[way][1].append(at_once(index, queries, k, how))
    exact = [np.array(column) for column in times["exact search"]]
    lines = []
    for way, (single, batch) in times.items():
        parts = [one.certificate for one in answers.get(way, [])]
        costs = [int(part.measured) for part in parts if part is not None]
        told = (f"{np.mean(costs):,.0f}", f"{np.max(costs):,}") if costs else ("", "")
        lines.append(
            f"| {name} | {way} | {1e3 * np.median(single):.3g} "
            f"| {np.median(np.array(single) / exact[0]):.2f} "
            f"| {np.median(np.array(batch) / exact[1]):.2f} | {told[0]} | {told[1]} |"
        )
    share = index.stats().bytes["guarantees"] / len(index)
    lines[1] = lines[1].replace('"exact"', f'"exact" ({share:.0f} bytes a vector)')
    return lines


def main() -> None:
    """Measure each set and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="*", help="files, names in VICINAL_DATA, or NAME:NxDIM")
    parser.add_argument("--metric")
    parser.add_argument("--dtype", default="f32", help="as vectors are stored")
    parser.add_argument("--rows", type=int, default=100_000, help="use only so many vectors")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    lines = list(HEAD)
    for name in options.sets or list(sets()) or list(GENERATED):
        lines += measured(name, options)
    text = "\n".join(lines) + "\n"
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "certify.md").write_text(text)
    print(text)


if __name__ == "__main__":
    told(main)
