"""What M, ef_construction and ef_search do on given vectors: curves and a table.

    python bench/knobs.py vectors.npy
    python bench/knobs.py embedding_like:100000x384 --metric cosine --M 8,16,32
    python bench/knobs.py vectors.npy --redraw           # the plot and table of the last run again

One knob is turned while the others stay at their defaults. Work is counted in distance
evaluations, which do not depend on the machine; times stand in the table beside them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from run import RESULTS, say, told, workload

from vicinal import Index
from vicinal.bench import Results, Settings, prepare
from vicinal.bench.curves import value_at
from vicinal.bench.peers import Contender
from vicinal.bench.session import OWN_PYTHON
from vicinal.bench.suite import Seat, run
from vicinal.plots import Axis, Panel, Plot, Series

if TYPE_CHECKING:
    from vicinal.bench.results import Row

KNOBS = ("M", "ef_construction")
NONE = "-"


def chosen(results: Results, knob: str) -> list[Row]:
    """Return the rows in which only this knob was turned, by its value."""
    others = [name for name in KNOBS if name != knob]
    default = {name: Contender("vicinal").kind.settings[name] for name in others}
    rows = [
        row
        for row in results.rows
        if row.steps and all(row.settings[name] == default[name] for name in others)
    ]
    return sorted(rows, key=lambda row: row.settings[knob])


def table(results: Results, target: float, base: Any) -> str:
    """Return what each value costs and gives, at a recall."""
    data = results.data
    about = (
        f"{data['name']}: {data['rows']:,} vectors of {data['dim']}, {data['metric']}; "
        f"recall@{results.settings.k} = {target:g}."
    )
    head = "ef_search | distance evaluations | hops | QPS, 1 thread | build s | bytes of links"
    lines = [about, "", f"| | {head} |", f"| --- |{' ---: |' * (head.count('|') + 1)}"]
    for knob in KNOBS:
        for row in chosen(results, knob):
            effort = value_at([(step.recall, step.effort) for step in row.steps], target)
            cells = [NONE if effort is None else f"{effort:.0f}"]
            for name in ("distance_evaluations", "hops"):
                value = value_at([(step.recall, step.counters[name]) for step in row.steps], target)
                cells.append(NONE if value is None else f"{value:,.0f}")
            speed, build = row.qps(1, target), row.builds[-1]
            cells.append(NONE if speed is None else f"{speed.median:,.0f}")
            cells.append(f"{build.seconds:.1f}")
            cells.append(f"{link_bytes(row.settings['M'], base):,.0f}")
            lines.append(f"| {knob} = {row.settings[knob]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def plot(results: Results) -> Plot:
    """Draw recall against work for each knob."""
    k, data = results.settings.k, results.data
    recall = Axis(f"recall@{k}", "recall")
    work = Axis("distance evaluations a query", "log")
    panels = []
    for knob in KNOBS:
        rows = chosen(results, knob)
        series = [
            Series(
                str(row.settings[knob]),
                [step.counters["distance_evaluations"] for step in row.steps],
                [step.recall for step in row.steps],
                f"shade {i + 1} of {len(rows)}",
                marker=i,
                hover=[f"ef_search: {step.effort}" for step in row.steps],
            )
            for i, row in enumerate(rows)
        ]
        panels.append(Panel(f"{knob}: what recall costs", work, recall, series, names="legend"))
    rows = chosen(results, "M")
    series = [
        Series(
            f"M = {row.settings['M']}",
            [step.effort for step in row.steps],
            [step.recall for step in row.steps],
            f"shade {i + 1} of {len(rows)}",
            marker=i,
        )
        for i, row in enumerate(rows)
    ]
    panels.append(
        Panel("ef_search: what it finds", Axis("ef_search", "log"), recall, series, names="legend")
    )
    return Plot(
        f"{data['name']}: {data['rows']:,} vectors of {data['dim']}, {data['metric']}",
        panels,
        f"One knob is turned, the other is at its default; {data['queries']:,} queries, k = {k}. "
        "Distance evaluations do not depend on the machine.",
        columns=3,
        size=(4.8, 4.2),
    )


def link_bytes(M: int, base: Any, sample: int = 5_000) -> float:
    """Return what links take of memory, in bytes a vector."""
    index = Index(base.shape[1], M=M, ef_construction=M)
    index.add(base[:sample])
    held = index.stats()
    return (held.bytes["links"] + held.bytes["upper links"]) / held.count


def numbers(text: str) -> list[int]:
    """Read numbers parted by commas."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Measure, write bench/results/knobs, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", help="a file, a name in VICINAL_DATA, or NAME:NxDIM")
    parser.add_argument("--M", type=numbers, default=[6, 8, 12, 16, 24, 32, 48])
    parser.add_argument("--ef-construction", type=numbers, default=[25, 50, 100, 200, 400, 800])
    parser.add_argument("--metric")
    parser.add_argument("--rows", type=int, help="use only so many vectors")
    parser.add_argument("--target", type=float, default=0.95)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--redraw", action="store_true", help="measure nothing, draw anew")
    options = parser.parse_args()
    default = Contender("vicinal").kind.settings
    settings: list[dict[str, int]] = [{}]
    settings += [{"M": value} for value in options.M if value != default["M"]]
    settings += [
        {"ef_construction": value}
        for value in options.ef_construction
        if value != default["ef_construction"]
    ]
    folder = RESULTS / "knobs" / Path(options.data).stem.replace(":", "-")
    vectors = workload(options.data, options.metric, options.rows)
    if options.redraw:
        results = Results.load(folder / "results.json")
    else:
        results = run(
            prepare(vectors, 10, folder / "cache", say),
            [Seat(Contender("vicinal", one), OWN_PYTHON) for one in settings],
            # Recalls of interest: that of the table, and some about it for the curves.
            Settings(targets=[0.8, options.target, 0.99], threads=[1], rounds=options.rounds),
            folder / "libraries.log",
            say,
        )
        results.save(folder / "results.json")
    for name in ("knobs.svg", "knobs.html"):
        plot(results).save(folder / name)
    text = table(results, options.target, vectors.base)
    (folder / "table.md").write_text(text)
    print(text)


if __name__ == "__main__":
    told(main)
