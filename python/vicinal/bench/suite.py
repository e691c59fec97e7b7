"""A run: every contender built in a process of its own, then all searched in turn."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from vicinal.bench.curves import between
from vicinal.bench.results import (
    Build,
    Results,
    Row,
    Settings,
    Step,
    processors,
    this_machine,
)
from vicinal.bench.truth import recall
from vicinal.bench.worker import Worker, WorkerError
from vicinal.intervals import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vicinal.bench.data import Prepared
    from vicinal.bench.peers import Contender

# The longest that one pass over queries should take; slow contenders are asked fewer of them.
_LONGEST_PASS = 1.0
# Recall this far below the lowest target is of no interest.
_MARGIN = 0.3


@dataclass(frozen=True)
class Seat:
    """A contender and where it is to run.

    Attributes
    ----------
    contender : Contender
        Who it is.
    python : Path
        The interpreter that has its library.
    environment : dict
        More variables to set for it.
    label : str
        What to call it instead of its own name.
    missing : str
        Why it can't take part, if it can't.
    """

    contender: Contender
    python: Path
    environment: dict[str, str] = field(default_factory=dict)
    label: str = ""
    missing: str = ""


def run(
    prepared: Prepared,
    seats: Sequence[Seat],
    settings: Settings,
    log: Path,
    say: Callable[[str], None] = lambda _line: None,
) -> Results:
    """Measure all contenders.

    Parameters
    ----------
    prepared : Prepared
        Data with exact answers.
    seats : sequence of Seat
        Who takes part.
    settings : Settings
        How to measure.
    log : Path
        Where what libraries print is appended.
    say : callable
        Told what is being done, line by line.

    Returns
    -------
    Results
        A contender that failed has a row that says why.
    """
    suite = _Suite(prepared, settings, log, say)
    try:
        for seat in seats:
            suite.admit(seat)
        suite.build()
        suite.calibrate()
        suite.race()
    finally:
        suite.close()
    return suite.results


class _Suite:
    def __init__(
        self, prepared: Prepared, settings: Settings, log: Path, say: Callable[[str], None]
    ) -> None:
        self.prepared, self.settings, self.log, self.say = prepared, settings, log, say
        workload = prepared.workload
        data = {
            "name": workload.name,
            "rows": len(workload.base),
            "dim": workload.base.shape[1],
            "dtype": str(workload.base.dtype),
            "queries": len(workload.queries),
            "metric": workload.metric,
        }
        self.results = Results(data, settings, this_machine())
        self.seats: dict[str, tuple[Seat, Row]] = {}
        self.workers: dict[str, Worker] = {}
        self.cost: dict[str, dict[int, float]] = {}

    def admit(self, seat: Seat) -> None:
        """Give a contender its row."""
        contender = seat.contender
        kind = contender.kind
        row = Row(
            label=seat.label or contender.label,
            adapter=contender.adapter,
            version="",
            settings={**kind.settings, **contender.settings},
            effort_name=kind.effort_name,
            note=kind.note,
            error=seat.missing,
        )
        self.results.rows.append(row)
        self.seats[row.label] = seat, row

    def build(self) -> None:
        """Time each build, every one in a fresh process; keep the last of each."""
        for _ in range(self.settings.build_rounds):
            for threads in self.settings.build_threads:
                for label, (seat, row) in self.seats.items():
                    if not row.error:
                        with self._attempt(row):
                            self._build(label, seat, row, threads)

    def _build(self, label: str, seat: Seat, row: Row, threads: int) -> None:
        if label in self.workers:
            self.workers.pop(label).close()
        prepared = self.prepared
        worker = self.workers[label] = Worker(
            seat.contender,
            seat.python,
            prepared.workload.metric,
            prepared.base,
            prepared.queries,
            self.log,
            {**seat.contender.environment, **seat.environment},
        )
        row.version = worker.version
        build = Build(threads=threads, **worker.build(threads, self._cpus(threads)))
        row.builds.append(build)
        each = f", {build.resident / self.results.n:,.0f} B/vector" if build.resident else ""
        self.say(f"{label}: built on {threads} in {build.seconds:.1f} s{each}")

    def calibrate(self) -> None:
        """Find the efforts of each contender that are worth timing, and their recall."""
        with TemporaryDirectory() as folder:
            for label, (seat, row) in self.seats.items():
                if not row.error:
                    file = Path(folder) / "ids.npy"
                    with self._attempt(row):
                        self._calibrate(label, seat, row, file)

    def _calibrate(self, label: str, seat: Seat, row: Row, file: Path) -> None:
        targets = sorted(self.settings.targets)
        enough = (1 + targets[-1]) / 2
        stale = 0
        for effort in seat.contender.kind.efforts:
            step = self._recall(label, row, effort, file)
            stale = stale + 1 if row.steps and step.recall - row.steps[-1].recall < 2e-4 else 0
            row.steps.append(step)
            if step.recall >= enough or stale == 3:
                break
        while more := between([(step.effort, step.recall) for step in row.steps], targets):
            row.steps.append(self._recall(label, row, more, file))
            row.steps.sort(key=lambda step: step.effort)
        floor = targets[0] - _MARGIN
        wanted = [step for step in row.steps if step.recall >= floor]
        row.steps = wanted or row.steps[-1:]
        self.say(
            f"{label}: recall {row.steps[0].recall:.4f} at {row.effort_name}={row.steps[0].effort}"
            f" to {row.steps[-1].recall:.4f} at {row.steps[-1].effort}"
        )

    def _recall(self, label: str, row: Row, effort: int, file: Path) -> Step:
        answer = self.workers[label].ask(
            "answers",
            effort=effort,
            k=self.settings.k,
            threads=processors(),
            path=str(file),
            count=row.own,
        )
        workload, truth = self.prepared.workload, self.prepared.truth
        right = recall(workload.base, workload.queries, np.load(file), truth, workload.metric)
        asked = truth.ids.size
        found = int(right.sum())
        self.cost.setdefault(label, {})[effort] = answer["cpu_seconds"] / len(workload.queries)
        return Step(
            effort, found / asked, *wilson_interval(found, asked), counters=answer["counters"]
        )

    def race(self) -> None:
        """Time all points of all curves in turn, round after round.

        Points lie beside each other in time that lie beside each other in recall, whomever they
        belong to, and every second round runs backwards: what else the machine does at a time
        hits those that are compared alike.
        """
        points = [
            (step.recall, label, step)
            for label, (_, row) in self.seats.items()
            for step in row.steps
            if not row.error
        ]
        points.sort(key=lambda point: point[:2])
        for number in range(self.settings.rounds):
            self.say(f"round {number + 1} of {self.settings.rounds}, {len(points)} points")
            for threads in self.settings.threads:
                for _, label, step in points if number % 2 == 0 else reversed(points):
                    row = self.seats[label][1]
                    if not row.error:
                        with self._attempt(row):
                            self._time(label, step, threads)

    def _time(self, label: str, step: Step, threads: int) -> None:
        settings = self.settings
        queries = len(self.prepared.workload.queries)
        affordable = round(_LONGEST_PASS * threads / max(self.cost[label][step.effort], 1e-9))
        timed = self.workers[label].ask(
            "measure",
            effort=step.effort,
            k=settings.k,
            threads=threads,
            cpus=self._cpus(threads),
            queries=min(queries, max(affordable, 64)),
            seconds=settings.seconds,
            single=settings.single,
        )
        cpu = settings.clock == "cpu" and threads == 1
        step.qps.setdefault(threads, []).append(
            timed["queries"] / timed["cpu_seconds" if cpu else "seconds"]
        )

    @contextmanager
    def _attempt(self, row: Row) -> Iterator[None]:
        """Let a contender that fails drop out with its reason instead of ending the run."""
        try:
            yield
        except WorkerError as error:
            row.error = str(error)
            self.say(f"{row.label}: {error}; left out")
            if row.label in self.workers:
                self.workers.pop(row.label).close()

    def _cpus(self, threads: int) -> list[int]:
        # The last processor is the one that interrupts and daemons trouble least.
        if threads == 1 and hasattr(os, "sched_getaffinity"):
            return [max(os.sched_getaffinity(0))]
        return []

    def close(self) -> None:
        """End all processes."""
        for worker in self.workers.values():
            worker.close()
