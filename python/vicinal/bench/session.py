"""From a workload and a list of names to files of results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vicinal.bench import charts
from vicinal.bench.data import Workload, prepare
from vicinal.bench.environment import Environment
from vicinal.bench.report import markdown
from vicinal.bench.suite import Seat, run
from vicinal.errors import MissingExtraError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vicinal.bench.peers import Contender
    from vicinal.bench.results import Results, Settings
    from vicinal.plots import Plot

OWN_PYTHON = Path(sys.executable)
CURVES = ("curves.png", "curves.svg", "curves.html")


def run_benchmark(
    workload: Workload,
    contenders: Sequence[Contender],
    settings: Settings,
    folder: Path,
    *,
    environment: Path = Path(".venv-bench"),
    say: Callable[[str], None] = lambda _line: None,
) -> Results:
    """Measure contenders on a workload and write what comes out.

    Parameters
    ----------
    workload : Workload
        Vectors, queries, metric.
    contenders : sequence of Contender
        Who takes part; peers are installed as needed.
    settings : Settings
        How to measure.
    folder : Path
        Gets ``results.json``, ``table.md``, ``curves.png``, ``.svg`` and ``.html``, the log of what
        libraries print, and a cache of exact answers.
    environment : Path
        The peers' virtual environment, made if it is not there.
    say : callable
        Told what is being done, line by line.

    Returns
    -------
    Results
        A contender that could not take part has a row that says why.

    Raises
    ------
    StorageError
        The folder could not be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{folder}: no folder for results can be made there: {error.strerror}",
            error.errno,
            str(folder),
        ) from error
    peers = Environment(environment, say)
    wanted = [one.kind.distribution for one in contenders if one.kind.family != "vicinal"]
    missing = peers.provide(wanted)
    prepared = prepare(workload, settings.k, folder / "cache", say)
    seats = [
        Seat(
            contender,
            OWN_PYTHON if contender.kind.family == "vicinal" else peers.python,
            missing=missing.get(contender.kind.distribution, ""),
        )
        for contender in contenders
    ]
    results = run(prepared, seats, settings, folder / "libraries.log", say)
    write(results, folder, say)
    return results


def write(results: Results, folder: Path, say: Callable[[str], None] = lambda _line: None) -> None:
    """Write results as JSON, table and charts."""
    results.save(folder / "results.json")
    (folder / "table.md").write_text(markdown(results))
    if any(row.steps for row in results.rows):
        drawn = charts.plot(results)
        for name in CURVES:
            _draw(drawn, folder / name, say)


def _draw(drawn: Plot, path: Path, say: Callable[[str], None]) -> None:
    try:
        drawn.save(path)
    except MissingExtraError as error:
        say(f"no {path.name}: {error}")
