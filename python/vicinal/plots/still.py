"""Plots as still pictures, by matplotlib."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any, Literal

from vicinal.errors import MissingExtraError
from vicinal.plots.look import DASHES, MARKERS, Theme, legible, style, visible

if TYPE_CHECKING:
    from pathlib import Path

    from vicinal.plots.chart import Axis, Panel, Plot, Series

#: Dots an inch of a PNG.
DPI = 144


def drawn(plot: Plot, theme: Theme) -> Any:
    """Return the plot as a figure of matplotlib."""
    mpl = matplotlib()
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    columns = min(plot.columns, len(plot.panels))
    rows = math.ceil(len(plot.panels) / columns)
    width, height = plot.size
    across, head = columns * width, 0.5 * bool(plot.title)
    about = textwrap.wrap(plot.about, int(across * 15.5))
    foot = 0.1 + 0.17 * len(about)
    down = rows * height + head + foot
    with mpl.rc_context(style(theme)):
        room = (0, foot / down, 1, 1 - (head + foot) / down)
        layout: Any = ConstrainedLayoutEngine(rect=room)
        figure = Figure(figsize=(across, down), layout=layout)
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes in grid[len(plot.panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(grid, plot.panels, strict=False):
            _panel(axes, panel, theme)
        if any(panel.names == "ends" for panel in plot.panels):
            figure.draw_without_rendering()  # lays out, so that heights can be measured
        for axes, panel in zip(grid, plot.panels, strict=False):
            if panel.names == "ends":
                _ends(axes, panel, theme)
        if plot.title:
            figure.text(0.1 / across, 1 - 0.12 / down, plot.title, size=13, weight="bold", va="top")
        figure.text(
            0.1 / across, 0.08 / down, "\n".join(about), size=8, color=theme.faint, va="bottom"
        )
    return figure


def matplotlib() -> Any:
    """Return the library.

    Raises
    ------
    MissingExtraError
        If it isn't installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtraError("pictures need matplotlib: pip install 'vicinal[plot]'") from error
    return mpl


def write(figure: Any, path: Path, theme: Theme) -> None:
    """Write a figure; the same figure gives the same bytes."""
    mpl = matplotlib()
    form = path.suffix.lower().removeprefix(".")
    with mpl.rc_context(style(theme)):
        figure.savefig(
            path, format=form, dpi=DPI, metadata={"Date": None} if form == "svg" else None
        )


def _panel(axes: Any, panel: Panel, theme: Theme) -> None:
    for series in panel.series:
        _series(axes, panel, series, theme)
    for rule in panel.rules:
        upright = rule.across == "x"
        at = (panel.x if upright else panel.y).place(rule.at)
        (axes.axvline if upright else axes.axhline)(
            at, color=theme.faint, linewidth=1, linestyle=(0, (3, 3)), zorder=1
        )
        axes.annotate(
            rule.text,
            (at, 0) if upright else (0, at),
            xycoords=("data", "axes fraction") if upright else ("axes fraction", "data"),
            xytext=(-4, 5) if upright else (5, 4),
            textcoords="offset points",
            rotation=90 if upright else 0,
            ha="right" if upright else "left",
            va="bottom",
            size=9,
            color=theme.faint,
        )
    axes.set_title(panel.title)
    _axis(axes, axes.xaxis, "x", panel.x, panel)
    _axis(axes, axes.yaxis, "y", panel.y, panel)
    axes.grid(visible=True, axis="y" if _barred(panel) else "both")
    axes.tick_params(length=0)
    if panel.names == "legend":
        axes.legend(loc="best")


def _barred(panel: Panel) -> bool:
    return any(series.kind == "bars" for series in panel.series)


def _axis(axes: Any, axis: Any, name: Literal["x", "y"], told: Axis, panel: Panel) -> None:
    """Scale, ticks and label of one direction."""
    from matplotlib.ticker import NullLocator

    values = panel.values(name)
    getattr(axes, f"set_{name}label")(told.label)
    if told.scale == "log":
        getattr(axes, f"set_{name}scale")("log")
    low, high = told.span(values)
    kept = [(at, text) for at, text in told.marked(values) if low <= at <= high]
    axis.set_ticks([at for at, _ in kept], [text for _, text in kept])
    axis.set_minor_locator(NullLocator())
    getattr(axes, f"set_{name}lim")(low, high)


def _series(axes: Any, panel: Panel, series: Series, theme: Theme) -> None:
    colour = visible(series.colour, theme)
    x = [panel.x.place(value) for value in series.x]
    y = [panel.y.place(value) for value in series.y]
    above = 4 if series.strong else 3
    if series.kind == "bars":
        axes.bar(x, y, width=0.82, color=colour, label=series.name, zorder=2)
    else:
        axes.plot(
            x,
            y,
            color=colour,
            label=series.name,
            zorder=above,
            marker=MARKERS[series.marker % len(MARKERS)],
            markersize=(7 if series.strong else 4.5) + 3 * (series.kind == "marks"),
            markeredgecolor=theme.paper,
            markeredgewidth=0.7,
            linewidth=2.6 if series.strong else 1.6,
            linestyle="none"
            if series.kind == "marks"
            else (0, DASHES[series.dash % len(DASHES)] or None),
        )
    if series.spread:
        axis = panel.x if series.spread_of == "x" else panel.y
        ends = [[axis.place(end) for end in pair] for pair in series.spread]
        (axes.hlines if series.spread_of == "x" else axes.vlines)(
            y if series.spread_of == "x" else x,
            [low for low, _ in ends],
            [high for _, high in ends],
            color=colour,
            linewidth=1,
            alpha=0.7,
            zorder=above - 1,
        )
    for at, text in zip(zip(x, y, strict=True), series.texts, strict=False):
        if text:
            axes.annotate(
                text,
                at,
                xytext=(0, 5) if series.kind == "bars" else (9, 7),
                textcoords="offset points",
                ha="center" if series.kind == "bars" else "left",
                size=9,
                color=legible(colour, theme),
                zorder=6,
            )


def _ends(axes: Any, panel: Panel, theme: Theme) -> None:
    """Write each name at the right, at the height where its curve ends, moved apart to be read."""
    ends = [(s, panel.x.place(s.x[-1]), panel.y.place(s.y[-1])) for s in panel.series if len(s.x)]
    seen = axes.transData.transform([(x, y) for _, x, y in ends])
    box = axes.get_window_extent()
    gap = 0.19 * axes.get_figure().dpi
    order = sorted(range(len(ends)), key=lambda i: seen[i][1])
    heights: dict[int, float] = {}
    lowest = box.y0
    for i in order:
        heights[i] = max(float(seen[i][1]), lowest)
        lowest = heights[i] + gap
    # What the pushing apart moved beyond the top comes back down.
    highest = box.y1
    for i in reversed(order):
        heights[i] = min(heights[i], highest)
        highest = heights[i] - gap
    for i, (series, x, y) in enumerate(ends):
        colour = visible(series.colour, theme)
        axes.annotate(
            series.name,
            (x, y),
            xytext=(1.02, (heights[i] - box.y0) / box.height),
            textcoords="axes fraction",
            color=legible(colour, theme),
            size=9.5,
            weight="bold" if series.strong else "normal",
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.6},
            annotation_clip=False,
        )
