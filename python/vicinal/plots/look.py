"""The look of everything that Vicinal draws: paper, ink and colours, by day and by night.

The colours of data are those of Okabe and Ito, which the colour-blind tell apart, and none says
anything alone: names, markers or dashes say it too. Paper and ink are those of the map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Okabe and Ito's palette, by name.
BLUE, ORANGE, GREEN = "#0072b2", "#e69f00", "#009e73"
PURPLE, SKY, VERMILION, YELLOW = "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"
#: What is Vicinal's own, or the subject of a picture.
OWN = VERMILION
#: The rest, in the order in which they are taken; yellow is too pale for lines on paper.
OTHERS = (BLUE, GREEN, PURPLE, SKY, ORANGE)

#: Matplotlib's viridis at six places: from dark to light for all eyes.
VIRIDIS = ("#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725")

#: By matplotlib's names; those of plotly are in `page`.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
#: Lengths of line and gap, in line widths: none is a whole line.
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 1.5), (5, 1.5, 1.5, 1.5))


@dataclass(frozen=True, slots=True)
class Theme:
    """Paper and ink.

    Attributes
    ----------
    paper, ink : str
        What is drawn on, and what is read.
    faint : str
        What is read second: ticks, remarks.
    line : str
        Grids and frames.
    quiet : str
        Data that is not the subject.
    """

    name: str
    paper: str
    ink: str
    faint: str
    line: str
    quiet: str


LIGHT = Theme("light", "#faf8f4", "#22303c", "#66727e", "#ddd6cc", "#b9c2cb")
DARK = Theme("dark", "#14191f", "#e8ecef", "#97a3af", "#313a44", "#57646f")
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


def shades(count: int, theme: Theme) -> list[str]:
    """Colours for values that have an order, all of them apart from the paper.

    Examples
    --------
    >>> shades(2, LIGHT)
    ['#440154', '#7ad151']
    """
    low, high = (0.0, 0.8) if theme is LIGHT else (1.0, 0.3)
    places = [low + (high - low) * i / max(1, count - 1) for i in range(count)]
    return [_between(VIRIDIS, place) for place in places]


def visible(colour: str, theme: Theme) -> str:
    """Return a colour as it can be seen on its paper.

    Parameters
    ----------
    colour : str
        "#rrggbb"; or a name of the theme's, such as "quiet"; or "shade 2 of 5", for values that
        have an order.

    Examples
    --------
    >>> visible(BLUE, LIGHT), visible(BLUE, DARK), visible("quiet", LIGHT)
    ('#0072b2', '#2384bb', '#b9c2cb')
    """
    if colour.startswith("shade "):
        _, at, _, count = colour.split()
        return shades(int(count), theme)[int(at) - 1]
    named: str | None = getattr(theme, colour, None)
    return named or _nearer_to_ink(colour, theme, 1.8 if theme is LIGHT else 4.0)


def legible(colour: str, theme: Theme) -> str:
    """Bring a colour nearer to the ink until text in it can be read (WCAG's contrast of 4.5).

    Examples
    --------
    >>> legible(SKY, LIGHT), legible(SKY, DARK)
    ('#3c7292', '#56b4e9')
    """
    return _nearer_to_ink(colour, theme, 4.5)


def _nearer_to_ink(colour: str, theme: Theme, least: float) -> str:
    mixed = (_between((colour, theme.ink), step / 20) for step in range(21))
    return next(c for c in mixed if contrast(c, theme.paper) >= least)


def contrast(one: str, other: str) -> float:
    """How far apart two colours are in luminance, from 1 to 21 (WCAG 2.1)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def style(theme: Theme) -> dict[str, Any]:
    """Return the settings of matplotlib for this look."""
    return {
        "figure.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "axes.edgecolor": theme.line,
        "axes.labelcolor": theme.faint,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlecolor": theme.ink,
        "axes.titlepad": 10,
        "axes.axisbelow": True,
        "grid.color": theme.line,
        "grid.linewidth": 0.6,
        "font.size": 10,
        "font.family": "DejaVu Sans",
        "text.color": theme.ink,
        "xtick.color": theme.line,
        "ytick.color": theme.line,
        "xtick.labelcolor": theme.faint,
        "ytick.labelcolor": theme.faint,
        "legend.frameon": False,
        "legend.fontsize": 9,
        "lines.solid_capstyle": "round",
        # Ids that change from run to run would make every redraw a change.
        "svg.hashsalt": "vicinal",
    }


def _between(colours: tuple[str, ...], place: float) -> str:
    """Mix the two colours about a place from 0 to 1."""
    at = place * (len(colours) - 1)
    first = min(int(at), len(colours) - 2)
    mixed = (
        round(a + (b - a) * (at - first))
        for a, b in zip(_parts(colours[first]), _parts(colours[first + 1]), strict=True)
    )
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _luminance(colour: str) -> float:
    linear = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in _parts(colour))
    )
    return sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _parts(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
