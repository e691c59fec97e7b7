"""Any mix of searches and changes at once: each answer was true at some moment of the search."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vicinal
from support import THOROUGH

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

DIM, K, OWN = 12, 10, 250
BATCHES = 600 if THOROUGH else 40


@dataclass
class Life:
    """One vector of one id: when the call began that put it there, and when the one ended that
    took it away."""

    vector: NDArray[np.float32]
    begun: float
    there: float = np.inf
    going: float = np.inf
    gone: float = np.inf


@dataclass
class History:
    """All vectors that each id ever had. Every id has one writer."""

    lives: dict[int, list[Life]] = field(default_factory=dict)

    def begin(self, ids: list[int], X: NDArray[np.float32]) -> None:
        now = time.monotonic()
        for number, vector in zip(ids, X, strict=True):
            self.lives.setdefault(number, []).append(Life(vector, now))

    def end(self, ids: list[int]) -> None:
        now = time.monotonic()
        for number in ids:
            *before, last = self.lives[number]
            last.there = now
            for life in before:
                life.gone = min(life.gone, now)

    def leave(self, ids: list[int], ended: bool) -> None:
        now = time.monotonic()
        for number in ids:
            setattr(self.lives[number][-1], "gone" if ended else "going", now)


class Writer:
    """Adds, replaces and removes ids of its own."""

    def __init__(self, index: vicinal.Index, history: History, number: int) -> None:
        self.index, self.history = index, history
        self.rng = np.random.default_rng(number)
        self.free = list(range(number * OWN, (number + 1) * OWN))
        self.held: list[int] = []

    def rows(self, count: int) -> NDArray[np.float32]:
        return self.rng.normal(size=(count, DIM)).astype(np.float32)

    def add(self) -> None:
        count = min(len(self.free), int(self.rng.integers(1, 60)))
        ids, self.free = self.free[:count], self.free[count:]
        X = self.rows(count)
        self.history.begin(ids, X)
        self.index.add(X, ids=ids, threads=1)
        self.history.end(ids)
        self.held += ids

    def replace(self) -> None:
        ids = self.some()
        X = self.rows(len(ids))
        self.history.leave(ids, ended=False)
        self.history.begin(ids, X)
        self.index.upsert(X, ids, threads=1)
        self.history.end(ids)

    def remove(self) -> None:
        ids = self.some()
        self.history.leave(ids, ended=False)
        assert self.index.remove(ids, threads=1) == len(ids)
        self.history.leave(ids, ended=True)
        self.held = [number for number in self.held if number not in set(ids)]
        self.free += ids

    def some(self) -> list[int]:
        count = min(len(self.held), int(self.rng.integers(1, 60)))
        return [int(number) for number in self.rng.choice(self.held, count, replace=False)]

    def run(self) -> None:
        self.add()
        for _ in range(BATCHES):
            choices = [self.replace, self.remove] if self.held else []
            if self.free:
                choices += [self.add, self.add]
            choices[int(self.rng.integers(len(choices)))]()


def check(found: Any, q: NDArray[Any], began: float, ended: float, lives: Any, exact: bool) -> None:
    count = int(found.counts)
    ids, distances = found.ids[:count].tolist(), found.distances[:count]
    assert len(set(ids)) == count
    assert (np.diff(distances) >= 0).all()
    for number, distance in zip(ids, distances.tolist(), strict=True):
        # At this distance, the id had this vector at some moment of the search.
        assert any(
            abs(float(np.linalg.norm(q - life.vector)) - distance) < 1e-4
            for life in list(lives[number])
            if life.begun <= ended and life.gone >= began
        ), (number, distance)
    if exact:
        # And nothing nearer was there all the time.
        last = distances[-1] if count == K else np.inf
        for number, own in list(lives.items()):
            for life in list(own):
                if life.there <= began and life.going >= ended and number not in ids:
                    assert float(np.linalg.norm(q - life.vector)) >= last - 1e-4


READER = """
import sys, time
from pathlib import Path
import numpy as np
import vicinal

path, stop = sys.argv[1], Path(sys.argv[2])
Q = np.random.default_rng(1).normal(size=(20, 12)).astype(np.float32)
opened = vicinal.Index.open(path, mmap=True)
first = opened.search(Q, 10, plan="graph")
rounds = 0
while not stop.exists() or rounds < 3:
    index = vicinal.Index.open(path, mmap=True)
    found = index.search(Q, 10, plan="graph")
    for q, ids, distances, count in zip(Q, found.ids, found.distances, found.counts):
        ids, distances = ids[:count], distances[:count]
        assert len(set(ids.tolist())) == count
        assert np.allclose(distances, np.linalg.norm(index.get(ids) - q, axis=1), atol=1e-4)
    assert index.verify().ok
    rounds += 1
# The file was replaced many times; a map shows what it showed at first.
again = opened.search(Q, 10, plan="graph")
assert (again.ids == first.ids).all() and (again.distances == first.distances).all()
print("read", rounds)
"""


@pytest.mark.parametrize("layout", ["compact", "fast"])
def test_answers_were_true_at_some_moment(tmp_path: Path, layout: str) -> None:
    index = vicinal.Index(DIM, layout=layout, ef_construction=30)
    history, writing = History(), threading.Event()
    path, stop = tmp_path / "a.vicinal", tmp_path / "stop"
    writers = [Writer(index, history, number) for number in range(2)]
    for writer in writers:
        writer.add()
    index.save(path)

    def search(seed: int) -> int:
        own = np.random.default_rng(seed)
        rounds = 0
        while not writing.is_set() or rounds < 3:
            q = own.normal(size=DIM).astype(np.float32)
            plan = ("graph", "scan")[rounds % 2]
            began = time.monotonic()
            found = index.search(q, K, plan=plan, threads=1)
            ended = time.monotonic()
            check(found, q, began, ended, history.lives, exact=plan == "scan")
            rounds += 1
        return rounds

    def tidy() -> int:
        rounds = 0
        while not writing.is_set() or rounds < 3:
            index.compact(threads=1)
            index.save(path)
            rounds += 1
        return rounds

    with (
        subprocess.Popen(
            [sys.executable, "-c", READER, str(path), str(stop)],
            stdout=subprocess.PIPE,
            text=True,
        ) as reader,
        ThreadPoolExecutor(6) as pool,
    ):
        try:
            others = [pool.submit(search, seed) for seed in (3, 4)] + [pool.submit(tidy)]
            for future in [pool.submit(writer.run) for writer in writers]:
                future.result()
        finally:
            writing.set()
            stop.touch()
        assert all(future.result() >= 3 for future in others)
        said, _ = reader.communicate()
        assert reader.returncode == 0, said
        assert said.startswith("read ")
    report = index.verify()
    assert report.ok, report.broken
    there = {number for writer in writers for number in writer.held}
    assert set(index.ids().tolist()) == there
    for number in there:
        np.testing.assert_array_equal(index.get(number), history.lives[number][-1].vector)
