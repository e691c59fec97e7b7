"""Recall against speed as pictures: a PNG, and a page of HTML that needs nothing else."""

from __future__ import annotations

import json
import math
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vicinal.bench.curves import frontier
from vicinal.bench.report import introduction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vicinal.bench.results import Results, Row

# Okabe and Ito's palette, which the colour-blind tell apart too; Vicinal alone has the vermilion.
OWN = ("#D55E00", "#8C2D04", "#F28E52")
PEERS = ("#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#555555", "#B8A200")
# The axis ends here, so that an exact answer has a place on it.
LAST = 0.9995
TICKS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")


def styles(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Give each row a colour, a marker and a dash; no two peers share all three."""
    chosen: dict[str, dict[str, Any]] = {}
    own = peers = 0
    for row in rows:
        if row.own:
            chosen[row.label] = {
                "colour": OWN[own % len(OWN)],
                "marker": "o",
                "dash": own // len(OWN),
            }
            own += 1
        else:
            chosen[row.label] = {
                "colour": PEERS[peers % len(PEERS)],
                "marker": MARKERS[peers % len(MARKERS)],
                "dash": peers // len(PEERS),
            }
            peers += 1
    return chosen


def png(results: Results, path: Path) -> None:
    """Draw one panel for each number of threads."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        from vicinal.errors import MissingExtraError

        raise MissingExtraError("charts need matplotlib: pip install 'vicinal[plot]'") from error
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows = [row for row in results.rows if row.steps and not row.error]
    look = styles(rows)
    threads = results.settings.threads
    figure, panels = plt.subplots(
        1, len(threads), figsize=(8.2 * len(threads), 6.4), squeeze=False, layout="constrained"
    )
    for axes, count in zip(panels[0], threads, strict=True):
        _panel(axes, rows, look, count, results)
    figure.suptitle(results.data["name"], fontsize=14, fontweight="bold", x=0.01, ha="left")
    about = textwrap.fill(introduction(results), 125 * len(threads))
    figure.text(0.01, -0.02, about, fontsize=8, color="#555555", ha="left", va="top")
    figure.savefig(path, dpi=144, bbox_inches="tight")
    plt.close(figure)


def _panel(
    axes: Any, rows: Sequence[Row], look: dict[str, dict[str, Any]], threads: int, results: Results
) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    lowest = min(results.settings.targets) - 0.1
    ends = []
    for row in rows:
        points = frontier((recall, speed.median) for recall, speed in row.curve(threads))
        points = [point for point in points if point[0] >= lowest] or points[-1:]
        style = look[row.label]
        dashes = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 1.5, 1.5, 1.5)))
        axes.plot(
            [_spread_out(recall) for recall, _ in points],
            [speed for _, speed in points],
            color=style["colour"],
            marker=style["marker"],
            linestyle=dashes[style["dash"] % len(dashes)],
            linewidth=3.2 if row.own else 1.4,
            markersize=6 if row.own else 4,
            zorder=3 if row.own else 2,
        )
        ends.append((_spread_out(points[-1][0]), points[-1][1], row, style["colour"]))
    axes.set_yscale("log")
    best = max(recall for row in rows for recall, _ in row.curve(threads))
    ticks = [tick for tick in TICKS if lowest <= tick <= best]
    names = [f"{tick:g}" for tick in ticks]
    if best > LAST:
        ticks, names = [*ticks, 1.0], [*names, "1"]
    axes.set_xticks([_spread_out(tick) for tick in ticks], names)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="both", color="#DDDDDD", linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    pinned = "1 thread" if threads == 1 else f"{threads} threads"
    axes.set_title(f"Queries a second on {pinned}: up and right is better", loc="left", fontsize=11)
    axes.set_xlabel(f"recall@{results.settings.k}")
    _label(axes, ends)


def _label(axes: Any, ends: list[tuple[float, float, Row, str]]) -> None:
    """Write each name at the right, at the height where its curve ends, moved apart to be read."""
    left, right = axes.get_xlim()
    axes.set_xlim(left, right + 0.3 * (right - left))
    low, high = axes.get_ylim()
    step = (high / low) ** 0.034
    ends.sort(key=lambda end: end[1])
    heights: list[float] = []
    for _, speed, _, _ in ends:
        heights.append(max(speed, heights[-1] * step) if heights else speed)
    # What the pushing apart moved beyond the top comes back down.
    excess = max(1.0, heights[-1] / high) if heights else 1.0
    for (x, y, row, colour), height in zip(ends, heights, strict=True):
        axes.annotate(
            row.label,
            xy=(x, y),
            xytext=(right + 0.02 * (right - left), height / excess),
            color=colour,
            fontsize=9.5,
            fontweight="bold" if row.own else "normal",
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.5},
            annotation_clip=False,
        )


def _spread_out(recall: float) -> float:
    """Place a recall on the axis: each step to a tenth of the errors takes the same room."""
    return -math.log10(1 - min(recall, LAST))


def html(results: Results, path: Path) -> None:
    """Write a page that shows the curves and answers to the mouse."""
    rows = [row for row in results.rows if row.steps and not row.error]
    look = styles(rows)
    shown = {
        "title": results.data["name"],
        "about": introduction(results),
        "k": results.settings.k,
        "targets": sorted(results.settings.targets),
        "threads": list(results.settings.threads),
        "rows": [
            {
                "label": row.label,
                "version": row.version,
                "own": row.own,
                **look[row.label],
                "curves": {
                    threads: [
                        {
                            "effort": f"{row.effort_name}={step.effort}",
                            "recall": step.recall,
                            "qps": speed.median,
                            "low": speed.low,
                            "high": speed.high,
                        }
                        for step, (_, speed) in zip(row.steps, row.curve(threads), strict=True)
                    ]
                    for threads in results.settings.threads
                },
            }
            for row in rows
        ],
    }
    page = Path(__file__).with_name("chart.html").read_text()
    # "</" inside of a script would end it.
    data = json.dumps(shown).replace("</", "<\\/")
    path.write_text(page.replace("/*RESULTS*/ null", data))
