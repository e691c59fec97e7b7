"""The recall contract, held to: what a target reaches, and what it costs beside the least effort.

    python bench/contract.py                        # all data, 40,000 vectors each: a table
    python bench/contract.py --rows 8000 uniform    # some of it

Each *cell* is a set of vectors, a kind of queries, a filter, a k and a target. A thousand queries
of the kind are asked first, and their recall is measured in idle time. Then a thousand others are
asked with ``target_recall=`` and held against exact answers. The *oracle* is the least
``ef_search`` that reaches the target on these very queries, which nobody can know beforehand;
effort is measured as ``ef_search``. Searches walk the graph (``plan="graph"``), also where a scan
would be cheaper.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import vicinal
from vicinal import field as f
from vicinal.tune import CurvePoint, narrowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

TARGETS = (0.8, 0.9, 0.95, 0.99)
QUERIES = 1000

#: Graphs of fewer links than by default, so that targets take some effort.
POOR = {"M": 6, "ef_construction": 40, "layout": "compact"}


@dataclass(frozen=True)
class World:
    """Where vectors and queries come from."""

    metric: str
    vectors: Callable[[np.random.Generator, int], NDArray[Any]]
    #: Queries of another kind, which come later.
    others: Callable[[np.random.Generator, int], NDArray[Any]] | None = None


def uniform(rng: np.random.Generator, n: int) -> NDArray[Any]:
    """A cube of 16 dimensions."""
    return rng.random((n, 16), np.float32)


def gaussian(rng: np.random.Generator, n: int) -> NDArray[Any]:
    """Noise of 24 dimensions, the hardest there is."""
    return rng.normal(size=(n, 24)).astype(np.float32)


def clustered(rng: np.random.Generator, n: int, first: int = 0, last: int = 100) -> NDArray[Any]:
    """Clusters of 32 dimensions, of widths that differ by three."""
    fixed = np.random.default_rng(5)
    centers, widths = fixed.normal(size=(100, 32)), fixed.uniform(0.2, 0.6, size=100)
    mine = rng.integers(first, last, size=n)
    noise = rng.normal(size=(n, 32)) * widths[mine, None]
    return (centers[mine] + noise).astype(np.float32)


def flat(rng: np.random.Generator, n: int) -> NDArray[Any]:
    """Ten dimensions within 64, as embeddings are."""
    base = np.random.default_rng(6).normal(size=(10, 64))
    noise = 0.05 * rng.normal(size=(n, 64))
    return (rng.normal(size=(n, 10)) @ base + noise).astype(np.float32)


def copies(rng: np.random.Generator, n: int) -> NDArray[Any]:
    """Every vector about five times."""
    some = np.random.default_rng(7).random((max(1, n // 5), 16), np.float32)
    return some[rng.integers(len(some), size=n)]


def lengths(rng: np.random.Generator, n: int) -> NDArray[Any]:
    """Lengths that differ by a factor of some ten."""
    return (rng.normal(size=(n, 24)) * np.exp(0.7 * rng.normal(size=(n, 1)))).astype(np.float32)


WORLDS = {
    "uniform": World("l2", uniform),
    "Gaussian": World("l2", gaussian),
    "clusters": World("l2", clustered),
    "flat": World("cosine", flat),
    "copies": World("l2", copies, uniform),
    "inner product": World("ip", lengths, gaussian),
    "other queries": World("cosine", flat, lambda rng, n: rng.normal(size=(n, 64))),
    "new clusters": World(
        "l2",
        lambda rng, n: clustered(rng, n, 0, 50),
        lambda rng, n: clustered(rng, n, 50, 100),
    ),
}

#: By name. "near" goes with the vectors, the others with chance.
FILTERS: dict[str, Any] = {
    "-": None,
    "1/2": f.half == 0,
    "1/5": f.fifth == 0,
    "1/20": f.twentieth == 0,
    "near": f.near == 1,
}


@dataclass(frozen=True)
class Cell:
    """What came out for a target."""

    world: str
    filter: str
    k: int
    target: float
    recall: float
    exact: float
    ef_search: int | None
    oracle: int

    @property
    def kept(self) -> bool:
        """Whether the target was reached."""
        return self.recall >= self.target

    @property
    def ratio(self) -> float | None:
        """The effort beside the least; None where answers were exact."""
        return None if self.ef_search is None else self.ef_search / self.oracle


def fill(docs: Any, rows: NDArray[Any], first: int = 0) -> None:
    """Write records with fields to filter by."""
    numbers = np.arange(first, first + len(rows))
    far = np.square(rows - rows[0]).sum(axis=1)
    near = far < np.quantile(far, 0.3)
    payloads = [
        {"half": n % 2, "fifth": n % 5, "twentieth": n % 20, "near": int(close)}
        for n, close in zip(numbers.tolist(), near.tolist(), strict=True)
    ]
    docs.upsert(numbers, rows, payloads)
    docs.compact()


def wait(docs: Any, query: NDArray[Any], how: dict[str, Any]) -> None:
    """Until what was asked has been measured."""
    until = time.monotonic() + 600
    while docs.search(query, ef_search=how["k"], **how).recall_estimate is None:
        assert time.monotonic() < until, "nobody measures"
        time.sleep(0.02)


def asked(docs: Any, queries: NDArray[Any], how: dict[str, Any], **effort: Any) -> list[Any]:
    """Hits for queries."""
    found: list[Any] = docs.search(queries, payloads=False, **how, **effort)
    return found


def shares(found: list[Any], last: NDArray[np.float64]) -> float:
    """How many of the found are no farther than the k-th true neighbour."""
    far = np.array([hits.distances for hits in found])
    return float((far <= last[:, None]).mean()) if far.size else 1.0


def cells(
    docs: Any, world: str, queries: NDArray[Any], named: str, k: int, targets: tuple[float, ...]
) -> Iterator[Cell]:
    """Ask for each target, and find the oracle's effort."""
    how = {"k": k, "filter": FILTERS[named], "plan": "graph"}
    exactly = {**how, "plan": "scan"}
    last = np.array([hits.distances[-1] for hits in asked(docs, queries, exactly)])
    known: dict[int, CurvePoint] = {}

    def measured(ef: int) -> CurvePoint:
        if ef not in known:
            share = shares(asked(docs, queries, how, ef_search=ef), last)
            known[ef] = CurvePoint(ef, share, 0.0, 1.0, 1.0)
        return known[ef]

    for target in targets:
        found = asked(docs, queries, how, target_recall=target)
        walked = {hits.recall_estimate.ef_search for hits in found} - {None}
        oracle = next(p for p in narrowed(measured, target, k, 4096) if p.recall >= target)
        yield Cell(
            world,
            named,
            k,
            target,
            shares(found, last),
            sum(hits.recall_estimate.exact for hits in found) / len(found),
            max(walked, default=None),
            oracle.ef_search,
        )


def trial(
    db: Any,
    world: str,
    rows: int,
    combinations: list[tuple[str, int]],
    *,
    queries: int = QUERIES,
    seed: int = 0,
) -> Iterator[Cell]:
    """All cells of a world."""
    it, rng = WORLDS[world], np.random.default_rng(seed)
    X = it.vectors(rng, rows)
    spec = {"dim": X.shape[1], "metric": it.metric, **POOR}
    docs = db.collection(world, vectors={"vector": spec}, if_missing="create")
    fill(docs, X)
    for named, k in combinations:
        how = {"k": k, "filter": FILTERS[named], "plan": "graph"}
        asked(docs, it.vectors(rng, queries), how, target_recall=0.9)
        wait(docs, X[0], how)
        yield from cells(docs, world, it.vectors(rng, queries), named, k, TARGETS)
        if it.others is None:
            continue
        later = f"{world}, later"
        # At once, and when idle time has been.
        yield from cells(docs, f"{world}, at once", it.others(rng, queries), named, k, TARGETS[2:3])
        asked(docs, it.others(rng, queries), how, target_recall=0.9)
        wait(docs, X[0], how)
        yield from cells(docs, later, it.others(rng, queries), named, k, TARGETS)


def table(found: list[Cell]) -> str:
    """One line for each world, filter and k."""
    lines = [
        "| data, queries | filter | k | recall at targets "
        + ", ".join(map(str, TARGETS))
        + " | effort ÷ oracle's |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows: dict[tuple[str, str, int], list[Cell]] = {}
    for cell in found:
        rows.setdefault((cell.world, cell.filter, cell.k), []).append(cell)
    for (world, named, k), some in rows.items():
        recalls = ", ".join(
            f"{cell.recall:.4f}" + ("" if cell.kept else " (missed)") for cell in some
        )
        ratios = ", ".join("exact" if c.ratio is None else f"{c.ratio:.2f}" for c in some)
        lines.append(f"| {world} | {named} | {k} | {recalls} | {ratios} |")
    return "\n".join(lines)


def summary(found: list[Cell]) -> str:
    """The two bars."""
    ratios = np.array([cell.ratio for cell in found if cell.ratio is not None])
    kept = sum(cell.kept for cell in found)
    return (
        f"{kept} of {len(found)} cells reach their target ({kept / len(found):.1%}); effort beside "
        f"the oracle's: mean {np.exp(np.log(ratios).mean()):.2f}, 95% of cells at most "
        f"{np.quantile(ratios, 0.95):.2f}, at most {ratios.max():.2f}; "
        f"{sum(cell.ratio is None for cell in found)} cells exact"
    )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("worlds", nargs="*", default=list(WORLDS), metavar="WORLD")
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    found: list[Cell] = []
    with tempfile.TemporaryDirectory() as folder, vicinal.open(Path(folder) / "db") as db:
        for world in args.worlds:
            combinations = [
                ("-", 1),
                ("-", 10),
                ("-", 50),
                *((name, 10) for name in FILTERS if name != "-"),
            ]
            if WORLDS[world].others is not None:
                combinations = [("-", 10)]
            for cell in trial(db, world, args.rows, combinations, seed=args.seed):
                found.append(cell)
                print(cell, flush=True)
    print(f"\n{table(found)}\n\n{summary(found)}")


if __name__ == "__main__":
    main()
