"""What a run finds, as plain data: written to and read from JSON, read by tables and charts."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vicinal.bench.curves import Point, Spread, ratio_at, spread_at

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT = 1
CLOCKS = ("wall", "cpu")


@dataclass
class Settings:
    """How to measure.

    Attributes
    ----------
    k : int
        Neighbours asked for.
    targets : sequence of float
        Recalls at which speeds are compared.
    threads : sequence of int
        Searches are timed with each of these numbers of threads; 1 is pinned to a core.
    build_threads : sequence of int
        Builds are timed with each of these; the last one's index is searched.
    rounds : int
        How often every point of every curve is timed, in turn with all others.
    build_rounds : int
        How often each build is timed.
    seconds : float
        The least time one timing takes.
    single : bool
        Ask one query a call instead of a batch; searches use one thread then.
    clock : {"wall", "cpu"}
        What work on one thread is charged: time passed, or time it had a processor. The latter is
        for machines that have other work to do.
    """

    k: int = 10
    targets: Sequence[float] = (0.9, 0.95, 0.99)
    threads: Sequence[int] = (1, 0)
    build_threads: Sequence[int] = (0,)
    rounds: int = 5
    build_rounds: int = 1
    seconds: float = 0.1
    single: bool = False
    clock: str = "wall"

    def __post_init__(self) -> None:
        if self.clock not in CLOCKS:
            raise ValueError(f"clock {self.clock!r} is not one of {', '.join(CLOCKS)}")
        # 0 means all of them: the file says how many that was.
        count = processors()
        self.threads = list(dict.fromkeys(n or count for n in self.threads))
        self.build_threads = list(dict.fromkeys(n or count for n in self.build_threads))
        if self.single:
            self.threads = [1]


@dataclass
class Build:
    """One build: its threads, seconds, bytes resident after it and at its peak.

    `counted` are the bytes that the library itself says its index has, where it does.
    """

    threads: int
    seconds: float
    cpu_seconds: float
    resident: int | None
    peak: int | None
    counted: int | None = None


@dataclass
class Step:
    """One effort: the recall it reaches, and its queries per second in each round.

    `qps` is keyed by the number of threads. `counters` are the means per query of what the library
    counts itself.
    """

    effort: int
    recall: float
    low: float
    high: float
    counters: dict[str, float] = field(default_factory=dict)
    qps: dict[int, list[float]] = field(default_factory=dict)


@dataclass
class Row:
    """All that was found out about one contender."""

    label: str
    adapter: str
    version: str
    settings: dict[str, Any]
    effort_name: str
    note: str
    builds: list[Build] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    error: str = ""

    @property
    def own(self) -> bool:
        """Whether it is Vicinal."""
        return self.adapter.startswith("vicinal")

    def rounds(self, threads: int) -> list[list[Point]]:
        """Return the curve of each round."""
        counts = [len(step.qps.get(threads, [])) for step in self.steps]
        return [
            [(step.recall, step.qps[threads][i]) for step in self.steps]
            for i in range(min(counts, default=0))
        ]

    def curve(self, threads: int) -> list[tuple[float, Spread]]:
        """Return recall and speed of each step, by ascending effort."""
        return [
            (step.recall, Spread.of(step.qps[threads]))
            for step in self.steps
            if step.qps.get(threads)
        ]

    def qps(self, threads: int, recall: float) -> Spread | None:
        """Read the speed at a recall."""
        return spread_at(self.rounds(threads), recall)

    def ratio(self, other: Row, threads: int, recall: float) -> Spread | None:
        """Compare the speed with another row's, round by round."""
        mine, theirs = self.rounds(threads), other.rounds(threads)
        return ratio_at(mine, theirs, recall) if len(mine) == len(theirs) else None

    def build_times(self, threads: int, clock: str) -> list[float]:
        """Return the seconds of each build with so many threads, by `Settings.clock`."""
        cpu = clock == "cpu" and threads == 1
        return [
            build.cpu_seconds if cpu else build.seconds
            for build in self.builds
            if build.threads == threads
        ]

    def build_seconds(self, threads: int, clock: str) -> Spread | None:
        """Summarise `build_times`."""
        times = self.build_times(threads, clock)
        return Spread.of(times) if times else None


@dataclass
class Results:
    """A run: where, on what, how, and what came out."""

    data: dict[str, Any]
    settings: Settings
    machine: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    format: int = FORMAT

    @property
    def n(self) -> int:
        """The number of vectors indexed."""
        return int(self.data["rows"])

    def row(self, adapter: str) -> Row | None:
        """Return the first row of an adapter that could be measured."""
        found = (row for row in self.rows if row.adapter == adapter and not row.error)
        return next(found, None)

    def save(self, path: Path) -> None:
        """Write to a JSON file."""
        path.write_text(self.to_json() + "\n")

    def to_json(self) -> str:
        """Return as JSON text."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read what `save` wrote."""
        held = json.loads(path.read_text())
        if held.get("format") != FORMAT:
            raise ValueError(f"{path}: not results of this version of the benchmark")
        rows = []
        for row in held["rows"]:
            row["builds"] = [Build(**build) for build in row["builds"]]
            for step in row["steps"]:
                step["qps"] = {int(threads): qps for threads, qps in step["qps"].items()}
            row["steps"] = [Step(**step) for step in row["steps"]]
            rows.append(Row(**row))
        return cls(held["data"], Settings(**held["settings"]), held["machine"], rows)


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def this_machine() -> dict[str, Any]:
    """Describe the machine as far as figures depend on it."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    memory = 0
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": model,
        "processors": processors(),
        "memory": memory,
        "system": f"{platform.system()} {platform.machine()}",
        "python": ".".join(map(str, sys.version_info[:3])),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "date": time.strftime("%Y-%m-%d"),
    }
