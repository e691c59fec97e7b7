"""Turning the data over, beside peers: recall and lost vectors against turnover.

    python bench/churn.py base.npy queries.npy -o churn.json   # measures, in one process
    python bench/churn.py --plot churn*.json -o churn.png      # draws, of one file or several

An index of --rows vectors gets, in turns, batches that insert, replace and delete vectors drawn by
chance, each of up to 2% of it, until as many were replaced or deleted as it holds, --turns times
over. Every library sees the same batches, updates as it offers them: hnswlib by adding under the
label that is there, and with `allow_replace_deleted`; usearch by removing and adding. After each
turnover recall@10 is counted against exact answers at one ef, and so are lost vectors: of 2,000
that are there, those that a search for themselves with a list of 1,000 does not find. For Vicinal a
fresh index of the same vectors is asked as well, and `verify` says how many a walk can't reach.

The peers have to be importable: see bench/README.md for their environment.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.plots import Axis, Panel, Plot, Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]
    Ids = NDArray[np.int64]

K, M, EF_CONSTRUCTION = 10, 16, 200
#: The largest batch, as a share of the index.
BATCH = 0.02
#: Vectors that are searched for themselves, and the list that this gets.
SOUGHT, LONG = 2_000, 1_000
COLOURS = {"usearch": "#2563eb", "hnswlib": "#64748b", "compact": "#f59e0b", "fast": "#c2410c"}


class Vicinal:
    """Both layouts."""

    def __init__(self, X: Rows, most: int, layout: str = "fast") -> None:
        del most  # it grows
        import vicinal

        self.make = lambda: vicinal.Index(X.shape[1], layout=layout)
        self.exact = lambda Q, X: vicinal.knn(X, Q, K).ids
        self.index = self.make()
        self.index.add(X)

    def insert(self, X: Rows, ids: Ids) -> None:
        """Add vectors."""
        self.index.add(X, ids=ids)

    def replace(self, X: Rows, ids: Ids) -> None:
        """Give ids other vectors."""
        self.index.upsert(X, ids)

    def delete(self, ids: Ids) -> None:
        """Remove vectors."""
        self.index.remove(ids)

    def search(self, Q: Rows, k: int, ef: int) -> Ids:
        """Find the k nearest."""
        return self.index.search(Q, k, ef_search=ef, plan="graph").ids

    def more(self, Q: Rows, X: Rows, ids: Ids, ef: int) -> dict[str, Any]:
        """Count what only Vicinal tells, of this index and of a fresh one."""
        fresh = self.make()
        fresh.add(X, ids=ids)
        told: dict[str, Any] = {"unreachable": len(self.index.verify().unreachable)}
        for name, index in (("", self.index), ("fresh_", fresh)):
            found = index.search(Q, K, ef_search=ef, plan="graph", counters=True)
            told[f"{name}evaluations"] = round(float(found.counters.distance_evaluations.mean()), 1)
            told[f"{name}bytes"] = sum(index.stats().bytes.values())
            told[f"{name}found"] = found.ids
        return told


class Compact(Vicinal):
    """The layout that saves memory."""

    def __init__(self, X: Rows, most: int) -> None:
        super().__init__(X, most, "compact")


class Hnswlib:
    """hnswlib, which puts new vectors in the places of deleted ones."""

    def __init__(self, X: Rows, most: int) -> None:
        import hnswlib

        self.index = hnswlib.Index("l2", X.shape[1])
        self.index.init_index(
            most, ef_construction=EF_CONSTRUCTION, M=M, allow_replace_deleted=True
        )
        self.index.add_items(X, np.arange(len(X)))

    def insert(self, X: Rows, ids: Ids) -> None:
        """Add vectors."""
        self.index.add_items(X, ids, replace_deleted=True)

    def replace(self, X: Rows, ids: Ids) -> None:
        """Give labels other vectors, in place."""
        self.index.add_items(X, ids)

    def delete(self, ids: Ids) -> None:
        """Mark vectors."""
        for label in ids.tolist():
            self.index.mark_deleted(label)

    def search(self, Q: Rows, k: int, ef: int) -> Ids:
        """Find the k nearest."""
        self.index.set_ef(ef)
        return np.asarray(self.index.knn_query(Q, k)[0], np.int64)


class Usearch:
    """usearch, whose update is a removal and an addition."""

    def __init__(self, X: Rows, most: int) -> None:
        del most  # it grows
        from usearch.index import Index

        self.index = Index(
            ndim=X.shape[1],
            metric="l2sq",
            dtype="f32",
            connectivity=M,
            expansion_add=EF_CONSTRUCTION,
        )
        self.index.add(np.arange(len(X)), X)

    def insert(self, X: Rows, ids: Ids) -> None:
        """Add vectors."""
        self.index.add(ids, X)

    def replace(self, X: Rows, ids: Ids) -> None:
        """Remove, and add."""
        self.index.remove(ids)
        self.index.add(ids, X)

    def delete(self, ids: Ids) -> None:
        """Remove vectors."""
        self.index.remove(ids)

    def search(self, Q: Rows, k: int, ef: int) -> Ids:
        """Find the k nearest."""
        self.index.expansion_search = ef
        return np.asarray(self.index.search(Q, k).keys, np.int64)


PEERS = {"fast": Vicinal, "compact": Compact, "hnswlib": Hnswlib, "usearch": Usearch}
NAMES = {"fast": "Vicinal, fast", "compact": "Vicinal, compact"}


def history(pool: int, rows: int, turns: int, seed: int = 0) -> Any:
    """Give batches as (kind, ids, rows of the pool), and None after each turnover."""
    rng = np.random.default_rng(seed)
    there = list(range(rows))
    fresh, turned, marked = rows, 0, 0
    while marked < turns:
        for kind in ("insert", "replace", "delete"):
            count = int(rng.integers(1, max(2, round(BATCH * rows))))
            if kind == "insert":
                ids = np.arange(fresh, fresh + count)
                fresh += count
                there.extend(ids.tolist())
            else:
                count = max(1, len(there) - rows) if kind == "delete" else count
                places = np.sort(rng.choice(len(there), count, replace=False))[::-1]
                ids = np.array([there[place] for place in places.tolist()])
                turned += count
                if kind == "delete":
                    for place in places.tolist():
                        there[place] = there[-1]
                        there.pop()
            yield kind, ids, rng.integers(pool, size=len(ids))
        if turned // rows > marked:
            marked += 1
            yield None


def measure(name: str, pool: Rows, Q: Rows, rows: int, turns: int, ef: int) -> list[dict[str, Any]]:
    """Put one library through the history."""
    held = dict(enumerate(range(rows)))
    began = time.perf_counter()
    peer: Any = PEERS[name](pool[:rows], round(1.2 * rows))
    measured: list[dict[str, Any]] = []

    def look(turn: int) -> None:
        ids = np.fromiter(held, np.int64, len(held))
        X = pool[np.fromiter(held.values(), np.int64, len(held))]
        truth = nearest(X, Q)
        own = np.random.default_rng(turn).choice(len(ids), min(SOUGHT, len(ids)), replace=False)
        row: dict[str, Any] = {"peer": name, "turn": turn, "count": len(ids)}
        row["recall"] = share(peer.search(Q, K, ef), Q, X, ids, truth)
        itself = peer.search(X[own], K, LONG)
        place = {label: i for i, label in enumerate(ids.tolist())}
        # An equal vector is as good: twins are many when rows are drawn with repetition.
        near = [
            any(label in place and np.array_equal(X[place[label]], X[i]) for label in found)
            for i, found in zip(own, itself.tolist(), strict=True)
        ]
        row["lost"] = 1 - float(np.mean(near))
        if isinstance(peer, Vicinal):
            told = peer.more(Q, X, ids, ef)
            told.pop("found")
            row["fresh_recall"] = share(told.pop("fresh_found"), Q, X, ids, truth)
            row |= told
        row["seconds"] = round(time.perf_counter() - began, 1)
        measured.append(row)
        print(json.dumps(row), flush=True)

    look(0)
    turn = 0
    for batch in history(len(pool), rows, turns):
        if batch is None:
            turn += 1
            look(turn)
            continue
        kind, ids, drawn = batch
        if kind == "delete":
            peer.delete(ids)
            for label in ids.tolist():
                del held[label]
        else:
            getattr(peer, kind)(pool[drawn], ids)
            held.update(zip(ids.tolist(), drawn.tolist(), strict=True))
    return measured


def nearest(X: Rows, Q: Rows) -> Rows:
    """Give the distance of the K-th nearest, by Vicinal's exact search."""
    import vicinal

    return vicinal.knn(X, Q, K, metric="sqeuclidean").distances[:, -1]


def share(found: Ids, Q: Rows, X: Rows, ids: Ids, kth: Rows) -> float:
    """Recall: ids that are there, and no farther than the K-th."""
    place = {label: i for i, label in enumerate(ids.tolist())}
    places = np.array([[place.get(label, -1) for label in row] for row in found.tolist()])
    far = ((X[places] - Q[:, None]) ** 2).sum(axis=2)
    return float(((places >= 0) & (far <= kth[:, None] * (1 + 1e-5))).mean())


def plot(results: list[dict[str, Any]]) -> Plot:
    """Draw recall and lost vectors against turnover."""
    turns = Axis("times that the data was turned over")
    quality = Axis(f"recall@{K} at ef {results[0]['ef']}")
    losses = Axis("% of those there")
    recalls, lost = [], []
    for name, colour in COLOURS.items():
        rows = [row for result in results for row in result["rows"] if row["peer"] == name]
        if not rows:
            continue
        label, x = NAMES.get(name, name), [row["turn"] for row in rows]
        recalls.append(Series(label, x, [row["recall"] for row in rows], colour))
        if "fresh_recall" in rows[0]:
            fresh = [row["fresh_recall"] for row in rows]
            recalls.append(Series(f"{label}, built afresh", x, fresh, colour, dash=1))
        lost.append(Series(label, x, [100 * row["lost"] for row in rows], colour))
    panels = [
        Panel(results[0]["title"], turns, quality, recalls, names="ends"),
        Panel("vectors that a search for themselves misses", turns, losses, lost),
    ]
    return Plot("Turning the data over", panels)


def main() -> None:
    """Measure, or draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--plot", action="store_true")
    parser.add_argument("--against", default=",".join(PEERS), help="of " + ", ".join(PEERS))
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--ef", type=int, default=32)
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    if given.plot:
        plot([json.loads(file.read_text()) for file in given.files]).save(given.output)
        return
    base, queries = (np.load(file, mmap_mode="r") for file in given.files)
    pool = np.ascontiguousarray(base, np.float32)
    Q = np.ascontiguousarray(queries[: given.queries], np.float32)
    title = f"{given.files[0].stem.removesuffix('_base')} {given.rows:,} × {pool.shape[1]}"
    rows = [
        row
        for name in given.against.split(",")
        for row in measure(name, pool, Q, given.rows, given.turns, given.ef)
    ]
    given.output.write_text(json.dumps({"title": title, "ef": given.ef, "rows": rows}) + "\n")


if __name__ == "__main__":
    main()
