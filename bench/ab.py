"""Two Vicinals in turns: a change against what was before, or one setting against another.

    python bench/ab.py DATA --a rev=HEAD~1                  # before, against what is installed
    python bench/ab.py DATA --a wheel=old.whl --b wheel=new.whl
    python bench/ab.py DATA --a VICINAL_ISA=avx2 --b VICINAL_ISA=avx512
    python bench/ab.py sift_like:100000x128 --a M=16 --b M=24

A side is a list of words parted by commas: one of `rev=` (a commit, built here once),
`wheel=` or `python=` for the build, variables in capitals for its environment, the rest for the
index. Each side builds an index of its own; all points of both curves are then timed A B A B,
and compared at equal recall: time by the ratio of each round, and what does not depend on the
machine by its counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from run import RESULTS, ROOT, say, told, workload

from vicinal.bench import Settings, prepare
from vicinal.bench.curves import Spread, value_at
from vicinal.bench.peers import Contender, parse
from vicinal.bench.suite import Seat, run
from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vicinal.bench.results import Results, Row

NONE = "-"


def side(label: str, text: str, adapter: str) -> Seat:
    """Read a side as it is written on the command line."""
    environment: dict[str, str] = {}
    settings: list[str] = []
    python = Path(sys.executable)
    for word in filter(None, text.split(",")):
        name, _, value = word.partition("=")
        if name in ("python", "wheel", "rev"):
            python = INTERPRETERS[name](value)
        elif name.isupper() and name != "M":
            environment[name] = value
        else:
            settings.append(word)
    contender: Contender = parse(":".join([adapter, *settings]))[0]
    return Seat(contender, python, environment, label=f"{label}: {text or 'as installed'}")


def built(revision: str) -> Path:
    """Return the wheel of a commit, building it if it was not built before."""
    name = f"{revision}^{{commit}}"
    command = ["git", "-C", str(ROOT), "rev-parse", "--verify", "--short=12", name]
    asked = subprocess.run(command, check=False, capture_output=True, text=True)
    if asked.returncode:
        raise InvalidInputError(f"rev={revision}: no such commit here")
    commit = asked.stdout.strip()
    folder = RESULTS / "builds" / commit
    if not list(folder.glob("*.whl")):
        say(f"building {commit}")
        source = folder / "source"
        source.mkdir(parents=True, exist_ok=True)
        command = ["git", "-C", str(ROOT), "archive", commit]
        archive = subprocess.run(command, check=True, capture_output=True)
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
            tar.extractall(source, filter="data")
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        command = [*pip, "--wheel-dir", str(folder), str(source)]
        target = {"CARGO_TARGET_DIR": str(RESULTS / "builds" / "target")}
        subprocess.run(command, check=True, env={**os.environ, **target})
    return next(folder.glob("*.whl"))


def installed(wheel: Path) -> Path:
    """Return the interpreter of an environment that holds a wheel."""
    folder = RESULTS / "builds" / f"venv-{wheel.parent.name}-{int(wheel.stat().st_mtime)}"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", str(wheel)], check=True)
    return python


def there(name: str, value: str) -> Path:
    """Return the path of a file that a side names."""
    if not Path(value).is_file():
        raise InvalidInputError(f"{name}={value}: no such file")
    return Path(value)


INTERPRETERS: dict[str, Callable[[str], Path]] = {
    "python": lambda value: there("python", value),
    "wheel": lambda value: installed(there("wheel", value).resolve()),
    "rev": lambda value: installed(built(value)),
}


def report(results: Results, threads: list[int]) -> str:
    """Compare the two rows, B over A."""
    a, b = results.rows
    for row in (a, b):
        if row.error:
            return f"{row.label} failed: {row.error}\n"
    lines = [f"A is {a.label[3:]} ({a.version}), B is {b.label[3:]} ({b.version})", ""]
    lines += ["| | A | B | B / A |", "| --- | ---: | ---: | ---: |"]
    for count in threads:
        for target in results.settings.targets:
            lines.append(
                f"| QPS at {target:g}, {_threads(count)} | {_plain(a.qps(count, target))} "
                f"| {_plain(b.qps(count, target))} | {_ratio(b.ratio(a, count, target))} |"
            )
    for name in ("distance_evaluations", "hops"):
        for target in results.settings.targets:
            ours, theirs = _counted(a, name, target), _counted(b, name, target)
            ratio = f"{theirs / ours:.3f}" if ours and theirs else NONE
            shown = [NONE if value is None else f"{value:,.1f}" for value in (ours, theirs)]
            lines.append(
                f"| {name.replace('_', ' ')} at {target:g} | {' | '.join(shown)} | {ratio} |"
            )
    for count in results.settings.build_threads:
        clock = results.settings.clock
        first, second = a.build_seconds(count, clock), b.build_seconds(count, clock)
        if first and second:
            lines.append(
                f"| build s, {_threads(count)} | {first.median:.2f} | {second.median:.2f} "
                f"| {_ratio(_build_ratio(a, b, count, clock))} |"
            )
    first_size, second_size = a.builds[-1].resident, b.builds[-1].resident
    if first_size and second_size:
        lines.append(
            f"| bytes a vector | {first_size / results.n:,.0f} | {second_size / results.n:,.0f} "
            f"| {second_size / first_size:.3f} |"
        )
    return "\n".join(lines) + "\n"


def _build_ratio(a: Row, b: Row, threads: int, clock: str) -> Spread:
    first, second = (row.build_times(threads, clock) for row in (a, b))
    return Spread.of(y / x for x, y in zip(first, second, strict=True))


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _plain(spread: Spread | None) -> str:
    return NONE if spread is None else f"{spread.median:,.0f}"


def _ratio(spread: Spread | None) -> str:
    return (
        NONE if spread is None else f"{spread.median:.3f} ({spread.low:.3f} to {spread.high:.3f})"
    )


def _counted(row: Row, name: str, recall: float) -> float | None:
    return value_at(
        [(step.recall, step.counters[name]) for step in row.steps if name in step.counters], recall
    )


def main() -> None:
    """Measure both sides and print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="a file, a name in VICINAL_DATA, or NAME:NxDIM")
    parser.add_argument("--a", default="", help="the one side; nothing: what is installed here")
    parser.add_argument("--b", default="", help="the other side")
    parser.add_argument("--exact", action="store_true", help="compare exact search")
    parser.add_argument("--metric")
    parser.add_argument("--rows", type=int, help="use only so many vectors")
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--targets", default="0.95,0.99")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="0: all")
    parser.add_argument("--build-threads", type=int, default=0, help="0: all")
    parser.add_argument("--build-rounds", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--single", action="store_true", help="one query a call")
    parser.add_argument("--clock", default="wall", choices=("wall", "cpu"))
    options = parser.parse_args()
    settings = Settings(
        k=options.k,
        targets=[float(text) for text in options.targets.split(",")],
        threads=options.threads,
        build_threads=[options.build_threads],
        rounds=options.rounds,
        build_rounds=options.build_rounds,
        single=options.single,
        clock=options.clock,
    )
    adapter = "vicinal_exact" if options.exact else "vicinal"
    seats = [side("A", options.a, adapter), side("B", options.b, adapter)]
    data = workload(options.data, options.metric, options.rows)
    folder = RESULTS / "ab"
    prepared = prepare(data, options.k, folder / "cache", say)
    results = run(prepared, seats, settings, folder / "libraries.log", say)
    results.save(folder / "results.json")
    print(report(results, list(settings.threads)))


if __name__ == "__main__":
    told(main)
