"""What M, ef_construction and ef_search do on given vectors: curves and a table.

    python bench/knobs.py vectors.npy
    python bench/knobs.py embedding_like:100000x384 --metric cosine --M 8,16,32

One knob is turned while the others stay at their defaults. Work is counted in distance
evaluations, which do not depend on the machine; times stand in the table beside them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib import pyplot as plt
from matplotlib import ticker
from run import RESULTS, say, told, workload

from vicinal.bench import Results, Settings, prepare
from vicinal.bench.curves import value_at
from vicinal.bench.peers import Contender
from vicinal.bench.session import OWN_PYTHON
from vicinal.bench.suite import Seat, run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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


def table(results: Results, target: float) -> str:
    """Return what each value costs and gives, at a recall."""
    data = results.data
    about = (
        f"{data['name']}: {data['rows']:,} vectors of {data['dim']}, {data['metric']}; "
        f"recall@{results.settings.k} = {target:g}."
    )
    head = "ef_search | distance evaluations | hops | QPS, 1 thread | build s | bytes a vector"
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
            cells.append(NONE if build.resident is None else f"{build.resident / results.n:,.0f}")
            lines.append(f"| {knob} = {row.settings[knob]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw(results: Results, path: Path) -> None:
    """Draw recall against work for each knob."""
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.6), layout="constrained")
    for panel, knob in zip(axes, KNOBS, strict=False):
        rows = chosen(results, knob)
        shades = plt.get_cmap("viridis")(
            [0.85 * i / max(1, len(rows) - 1) for i in range(len(rows))]
        )
        for row, shade in zip(rows, shades, strict=True):
            work = [step.counters["distance_evaluations"] for step in row.steps]
            errors = [1 - step.recall for step in row.steps]
            panel.plot(work, errors, ".-", color=shade, label=row.settings[knob])
        panel.legend(title=knob, frameon=False, fontsize=8)
        _dress(
            panel, f"{knob}: fewer distances for the same recall", "distance evaluations a query"
        )
    default = next(row for row in chosen(results, "M") if row.settings["M"] == 16)
    efforts = [step.effort for step in default.steps]
    axes[2].plot(efforts, [1 - step.recall for step in default.steps], color="#D55E00", marker="o")
    _dress(axes[2], "ef_search: recall for work", "ef_search")
    axes[0].set_ylabel(f"recall@{results.settings.k}")
    figure.suptitle(f"{results.data['name']}, {results.data['rows']:,} vectors", x=0.01, ha="left")
    figure.savefig(path)
    plt.close(figure)


def _dress(panel: Axes, title: str, across: str) -> None:
    """Put the share of errors on a logarithmic axis, and write the recall it means beside it."""
    panel.set_title(title, loc="left", fontsize=10)
    panel.set_xlabel(across)
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.invert_yaxis()
    ticks = [1 - recall for recall in (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)]
    low, high = sorted(panel.get_ylim())
    ticks = [tick for tick in ticks if low <= tick <= high]
    panel.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    panel.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    panel.xaxis.set_minor_formatter(ticker.NullFormatter())
    panel.set_yticks(ticks, [f"{1 - tick:g}" for tick in ticks])
    panel.yaxis.set_minor_locator(ticker.NullLocator())
    panel.grid(color="#DDDDDD", linewidth=0.6)
    for edge in ("top", "right"):
        panel.spines[edge].set_visible(False)


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
    options = parser.parse_args()
    plt.switch_backend("Agg")
    default = Contender("vicinal").kind.settings
    settings: list[dict[str, int]] = [{}]
    settings += [{"M": value} for value in options.M if value != default["M"]]
    settings += [
        {"ef_construction": value}
        for value in options.ef_construction
        if value != default["ef_construction"]
    ]
    folder = RESULTS / "knobs" / Path(options.data).stem.replace(":", "-")
    prepared = prepare(
        workload(options.data, options.metric, options.rows), 10, folder / "cache", say
    )
    results = run(
        prepared,
        [Seat(Contender("vicinal", one), OWN_PYTHON) for one in settings],
        Settings(targets=[0.8, options.target, 0.99], threads=[1], rounds=options.rounds),
        folder / "libraries.log",
        say,
    )
    results.save(folder / "results.json")
    draw(results, folder / "knobs.svg")
    text = table(results, options.target)
    (folder / "table.md").write_text(text)
    print(text)


if __name__ == "__main__":
    told(main)
