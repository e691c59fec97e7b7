"""A worker: one process that holds one contender's index and does what it is told.

Requests come as lines of JSON on the standard input, answers leave as lines of JSON on what was
the standard output at the start; whatever a library prints goes to the standard error instead.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import ADAPTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import Adapter, Vectors


def resident_bytes(pid: int | str = "self") -> int | None:
    """Return the memory that a process holds for itself, or None where the system does not tell.

    Pages of mapped files are left out: the vectors handed to a build are mapped, and shared.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    kinds = ("RssAnon:", "RssShmem:", "HugetlbPages:")
    held = [line.split() for line in status.splitlines() if line.startswith(kinds)]
    return sum(int(words[1]) for words in held) * 1024 if held else None


@contextmanager
def pinned(cpus: list[int]) -> Iterator[None]:
    """Keep all threads of this process on `cpus`; empty means where the system likes."""
    if not cpus or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    _pin(set(cpus))
    try:
        yield
    finally:
        _pin(before)


def _pin(cpus: set[int]) -> None:
    # A pool started earlier has threads of its own, which do not follow the main one.
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # it ended meanwhile
            os.sched_setaffinity(int(thread.name), cpus)


def _trim() -> None:
    """Hand freed memory back to the system, so that what remains is the index."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


class Worker:
    """The contender of this process and its data; each public method answers one request."""

    def __init__(self, adapter: str, metric: str, base: str, queries: str, **settings: Any) -> None:
        # Copy-on-write, plain ndarray: some bindings refuse what is read-only or a subclass.
        self.X: Vectors = np.load(base, mmap_mode="c").view(np.ndarray)
        kind = ADAPTERS[adapter]
        self.adapter: Adapter = kind(metric, self.X.shape[1], **settings)
        self.Q = self.adapter.prepare_queries(np.load(queries))
        self.folder = Path(base).parent

    def hello(self) -> dict[str, Any]:
        """Tell who is here."""
        return {"version": self.adapter.version()}

    def build(self, threads: int, cpus: list[int]) -> dict[str, Any]:
        """Build the index and tell how long it took and what it holds."""
        X = self.adapter.prepare(self.X, self.folder)
        np.add.reduce(X[:, 0])  # the pages are in memory before the clock starts
        _trim()
        before = resident_bytes()
        with pinned(cpus):
            times = _Clock()
            self.adapter.build(X, threads)
            elapsed = times.read()
        del X
        _trim()
        after = resident_bytes()
        resident = None if before is None or after is None else after - before
        counted = self.adapter.size()
        return {**elapsed, "before": before, "resident": resident, "counted": counted}

    def answers(self, effort: int, k: int, threads: int, path: str, count: bool) -> dict[str, Any]:
        """Answer all queries, write the ids to `path`, tell what was counted."""
        self.adapter.set_query_effort(effort)
        times = _Clock()
        ids = self.adapter.search(self.Q, k, threads)
        elapsed = times.read()
        np.save(path, ids)
        counters = self.adapter.counters(self.Q, k) if count else {}
        return {**elapsed, "counters": counters}

    def measure(
        self,
        effort: int,
        k: int,
        threads: int,
        cpus: list[int],
        queries: int,
        seconds: float,
        single: bool,
    ) -> dict[str, Any]:
        """Time searches of the first `queries` queries, over and over for at least `seconds`."""
        adapter = self.adapter
        Q = self.Q[:queries]
        adapter.set_query_effort(effort)

        def once(Q: Vectors) -> None:
            if single:
                for q in Q:
                    adapter.search_one(q, k)
            else:
                adapter.search(Q, k, threads)

        with pinned(cpus):
            once(Q[: max(1, len(Q) // 4)])  # caches, page tables and thread pools warm up
            times = _Clock()
            once(Q)
            elapsed, passes = times.read(), 1
            while elapsed["seconds"] < seconds:
                once(Q)
                elapsed, passes = times.read(), passes + 1
        return {**elapsed, "queries": passes * len(Q)}


class _Clock:
    """Time since it was made: on the wall, and on the processors for this process."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        return {
            "seconds": time.perf_counter() - self.wall,
            "cpu_seconds": time.process_time() - self.cpu,
        }


def main() -> None:
    """Serve requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker: Worker | None = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if worker is None:
                worker = Worker(**request)
                answer = worker.hello()
            else:
                answer = getattr(worker, request.pop("do"))(**request)
        # Whatever a library raises, the benchmark goes on without this contender.
        except Exception as error:  # noqa: BLE001
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
