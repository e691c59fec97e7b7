"""What a plot shows, as plain data; how it is drawn is for `still` and `page` to say."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from vicinal import checks
from vicinal.outputs import atomic, target
from vicinal.plots import page, still, ticks
from vicinal.plots.look import THEMES, Theme

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from pathlib import Path

#: Endings of what can be drawn.
STILL = (".png", ".svg")
PAGE = (".html",)


def whole(value: float) -> str:
    """Say a number as a count is said.

    >>> whole(12_345.6), whole(0.25), whole(40)
    ('12,346', '0.25', '40')
    """
    return f"{value:,.0f}" if value == 0 or abs(value) >= 10 else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a panel.

    Attributes
    ----------
    label : str
    scale : {"linear", "log", "recall"}
        On a scale of recall each step to a tenth of the errors takes the same room.
    say : callable
        Makes text of a value.
    ticks : sequence of (value, text), optional
        In place of those found.
    limits : (low, high), optional
        In place of those of the data.
    """

    label: str
    scale: Literal["linear", "log", "recall"] = "linear"
    say: Callable[[float], str] = whole
    ticks: Sequence[tuple[float, str]] | None = None
    limits: tuple[float, float] | None = None

    def place(self, value: float) -> float:
        """Where a value lies; logarithms are left to who draws.

        >>> [round(Axis("", "recall").place(r), 2) for r in (0.9, 0.99, 1.0)]
        [1.0, 2.0, 3.3]
        """
        return -math.log10(1 - min(value, ticks.LAST)) if self.scale == "recall" else value

    def marked(self, values: Sequence[float]) -> list[tuple[float, str]]:
        """Give the ticks for these values: the place and the text of each."""
        if self.ticks is not None:
            return [(self.place(value), text) for value, text in self.ticks]
        values = self.limits or values
        if self.scale == "recall":
            return [(self.place(value), f"{value:g}") for value in ticks.recalls(values)]
        found = ticks.log(values) if self.scale == "log" else ticks.linear(values)
        return [(value, self.say(value)) for value in found]

    def span(self, values: Sequence[float]) -> tuple[float, float]:
        """Give the ends of the axis in places: the limits, or a little beyond the values."""
        if self.limits is not None:
            low, high = (self.place(end) for end in self.limits)
            return low, high
        low, high = self.place(min(values)), self.place(max(values))
        if self.scale == "log":
            margin = (high / low) ** 0.06 if high > low else 2.0
            return low / margin, high * margin
        margin = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
        return low - margin * (low != 0), high + margin


@dataclass(frozen=True, slots=True)
class Series:
    """A curve, or bars, or single marks.

    Attributes
    ----------
    name : str
    x, y : sequence of float
    colour : str
        As `look.visible` takes it.
    kind : {"line", "bars", "marks"}
    marker, dash : int
        Places in `look.MARKERS` and `look.DASHES`.
    strong : bool
        Drawn thicker, above the others.
    hover : sequence of str
        What a page tells of each point beside its numbers.
    texts : sequence of str
        What is written beside each point; empty for nothing.
    spread : sequence of (low, high)
        Intervals in the direction of `spread_of`.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    kind: Literal["line", "bars", "marks"] = "line"
    marker: int = 0
    dash: int = 0
    strong: bool = False
    hover: Sequence[str] = ()
    texts: Sequence[str] = ()
    spread: Sequence[tuple[float, float]] = ()
    spread_of: Literal["x", "y"] = "y"


@dataclass(frozen=True, slots=True)
class Rule:
    """A dashed line at a value of one axis, with a word beside it."""

    across: Literal["x", "y"]
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes.

    Attributes
    ----------
    title : str
    x, y : Axis
    series : sequence of Series
    rules : sequence of Rule
    names : {"ends", "legend", "none"}
        Where the names of series stand: at the right end of each, in a box, or nowhere. A page has
        a legend for the first two.
    """

    title: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    rules: Sequence[Rule] = ()
    names: Literal["ends", "legend", "none"] = "none"

    def values(self, axis: Literal["x", "y"]) -> list[float]:
        """Every value on an axis, those of intervals and rules included."""
        own: Axis = getattr(self, axis)
        found = [float(v) for series in self.series for v in getattr(series, axis)]
        for series in self.series:
            if series.spread_of == axis:
                found += [float(v) for pair in series.spread for v in pair]
        found += [rule.at for rule in self.rules if rule.across == axis]
        if any(series.kind == "bars" for series in self.series):
            # Bars have a width, and begin at nothing.
            beyond = [min(found) - 0.5, max(found) + 0.5] if axis == "x" and found else [0.0]
            found = [*found, *beyond]
        if own.scale == "log":
            found = [value for value in found if value > 0]
        return found or [1.0]


@dataclass(frozen=True, eq=False)
class Plot:
    """A plot that can be saved; in a notebook, shown.

    Attributes
    ----------
    title : str
    panels : sequence of Panel
    about : str
        What one must know to read it.
    columns : int
        Panels beside each other.
    size : (width, height)
        Of a panel, in inches.
    """

    title: str
    panels: Sequence[Panel]
    about: str = ""
    columns: int = 2
    size: tuple[float, float] = field(default=(5.4, 3.9))

    def save(self, path: str | os.PathLike[str], *, theme: str = "light") -> None:
        """Write the plot to a file; one that is there is replaced once the new one is whole.

        Parameters
        ----------
        path : str or Path
            Ends in .png or .svg, drawn by matplotlib; or in .html, a page by plotly that needs no
            network and answers to the mouse.
        theme : {"light", "dark"}
            For still pictures. A page follows its reader's system.

        Raises
        ------
        MissingExtraError
            No matplotlib or plotly: ``pip install 'vicinal[plot]'``.
        InvalidInputError
            Another ending or theme, or a folder.
        FileMissingError, StorageError
            The file could not be written.
        """
        wanted, chosen = check(path, theme)
        if wanted.suffix.lower() in PAGE:
            text = self.html()
            with atomic(wanted) as part:
                part.write_text(text, encoding="utf-8")
            return
        figure = still.drawn(self, chosen)
        with atomic(wanted) as part:
            still.write(figure, part, chosen)

    def html(self) -> str:
        """Return the plot as a page that needs nothing else."""
        return page.page(self)

    def figure(self, *, theme: str = "light") -> Any:
        """Return the plot as a `matplotlib.figure.Figure`, to go on with."""
        return still.drawn(self, THEMES[checks.choice("theme", theme, THEMES)])

    def _repr_html_(self) -> str:
        return page.frame(self)

    def __repr__(self) -> str:
        titles = ", ".join(panel.title for panel in self.panels)
        return f"Plot({self.title!r}: {titles})"


def check(path: str | os.PathLike[str], theme: str) -> tuple[Path, Theme]:
    """Refuse what can't be drawn or written, before the work begins; else say where and how.

    Raises
    ------
    MissingExtraError
        No matplotlib or plotly for such a file.
    InvalidInputError, FileMissingError
        As in `Plot.save`.
    """
    wanted = target(path, (*STILL, *PAGE))
    chosen = THEMES[checks.choice("theme", theme, THEMES)]
    if wanted.suffix.lower() in PAGE:
        page.plotly()
    else:
        still.matplotlib()
    return wanted, chosen
