"""Recall against speed, as a plot: one panel for each number of threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vicinal.bench.curves import frontier
from vicinal.bench.report import introduction
from vicinal.plots import Axis, Panel, Plot, Series
from vicinal.plots.look import DASHES, MARKERS, OTHERS, OWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vicinal.bench.results import Results, Row

#: Vicinal alone has the vermilion, and its shades where it has several rows.
OWNS = (OWN, "#f28e52", "#8c2d04")


def plot(results: Results) -> Plot:
    """Draw what was measured, the frontier of each contender."""
    rows = [row for row in results.rows if row.steps and not row.error]
    look = styles(rows)
    threads = results.settings.threads
    return Plot(
        results.data["name"],
        [_panel(rows, look, count, results) for count in threads],
        introduction(results),
        size=(8.2, 5.6),
    )


def styles(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Give each row a colour, a marker and a dash; no two peers share all three."""
    chosen: dict[str, dict[str, Any]] = {}
    own = peers = 0
    for row in rows:
        if row.own:
            chosen[row.label] = {
                "colour": OWNS[own % len(OWNS)],
                "marker": 0,
                "dash": own // len(OWNS),
            }
            own += 1
        else:
            chosen[row.label] = {
                "colour": OTHERS[peers % len(OTHERS)],
                "marker": (peers + 1) % len(MARKERS),
                "dash": (peers // len(OTHERS)) % len(DASHES),
            }
            peers += 1
    return chosen


def _panel(
    rows: Sequence[Row], look: dict[str, dict[str, Any]], threads: int, results: Results
) -> Panel:
    lowest = min(results.settings.targets) - 0.1
    series = []
    for row in rows:
        curve = [(recall, speed.median) for recall, speed in row.curve(threads)]
        told = {
            (recall, speed.median): (
                f"{row.version}, {row.effort_name}={step.effort}, "
                f"{speed.low:,.0f} to {speed.high:,.0f} queries a second"
            )
            for step, (recall, speed) in zip(row.steps, row.curve(threads), strict=True)
        }
        best = frontier(curve)
        points = [point for point in best if point[0] >= lowest] or best[-1:]
        series.append(
            Series(
                row.label,
                [recall for recall, _ in points],
                [speed for _, speed in points],
                strong=row.own,
                hover=[told[point] for point in points],
                **look[row.label],
            )
        )
    pinned = "1 thread" if threads == 1 else f"{threads} threads"
    return Panel(
        f"Queries a second on {pinned}: up and right is better",
        Axis(f"recall@{results.settings.k}", "recall"),
        Axis("queries a second", "log"),
        series,
        names="ends",
    )
