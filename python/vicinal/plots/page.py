"""Plots as pages of HTML, by plotly: they answer to the mouse, and follow the reader's system."""

from __future__ import annotations

import html
import json
import math
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any, Literal

from vicinal.errors import MissingExtraError
from vicinal.plots.look import DARK, DASHES, LIGHT, Theme, legible, visible

if TYPE_CHECKING:
    from vicinal.plots.chart import Axis, Panel, Plot, Series

#: Those of `look.MARKERS` by plotly's names.
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star")
#: So many curves at most have their names at their ends.
ENDS = 3
#: Pixels an inch.
SCALE = 96
#: Draws the figure of the theme that the reader's system asks for.
SCRIPT = """\
<div id="$id"></div>
<script>
(() => {
  const figures = $figures, night = matchMedia("(prefers-color-scheme: dark)");
  const draw = () => Plotly.react("$id", { ...figures[night.matches ? "dark" : "light"],
    config: { displaylogo: false, displayModeBar: false, responsive: true } });
  draw();
  night.addEventListener("change", draw);
})();
</script>"""


def page(plot: Plot) -> str:
    """Return a page that needs nothing else."""
    template = (files("vicinal.plots") / "page.html").read_text(encoding="utf-8")
    colours = {
        f"{theme.name}_{part}": getattr(theme, part)
        for theme in (LIGHT, DARK)
        for part in ("paper", "ink", "faint")
    }
    return Template(template).substitute(
        title=html.escape(plot.title),
        about=html.escape(plot.about),
        plot=f"<script>{plotly()}</script>\n{fragment(plot)}",
        **colours,
    )


def frame(plot: Plot) -> str:
    """Return the page within a page, for notebooks."""
    rows = math.ceil(len(plot.panels) / plot.columns)
    tall = int(rows * plot.size[1] * SCALE) + 150
    page_ = html.escape(page(plot))
    return f'<iframe srcdoc="{page_}" width="100%" height="{tall}" frameborder="0"></iframe>'


def plotly() -> str:
    """Return plotly's script.

    Raises
    ------
    MissingExtraError
        If plotly isn't installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtraError("pages need plotly: pip install 'vicinal[plot]'") from error
    return str(get_plotlyjs())


def fragment(plot: Plot, name: str = "plot") -> str:
    """Return the plot as an element and a script, for a page that has `plotly`'s already."""
    figures = {theme.name: figure(plot, theme) for theme in (LIGHT, DARK)}
    # No text of the data can end the script that it stands in.
    text = json.dumps(figures, ensure_ascii=True).replace("<", "\\u003c")
    return Template(SCRIPT).substitute(id=name, figures=text)


def figure(plot: Plot, theme: Theme) -> dict[str, Any]:
    """Return the plot as plotly's data and layout."""
    columns = min(plot.columns, len(plot.panels))
    rows = math.ceil(len(plot.panels) / columns)
    ends = any(panel.names == "ends" for panel in plot.panels)
    most = max(len(panel.series) for panel in plot.panels)
    # Many names find no room at the ends of their curves.
    boxed = any(p.names == "legend" for p in plot.panels) or (ends and most > ENDS)
    tall = rows * plot.size[1] * SCALE
    longest = max(len(series.name) for panel in plot.panels for series in panel.series)
    layout: dict[str, Any] = {
        "paper_bgcolor": theme.paper,
        "plot_bgcolor": theme.paper,
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": theme.ink},
        "height": int(tall),
        "margin": {"l": 70, "r": 25 + 8 * longest if ends and not boxed else 20, "t": 40, "b": 60},
        "showlegend": boxed,
        "legend": {"bgcolor": "rgba(0,0,0,0)"},
        "hovermode": "closest",
        "annotations": [],
        "shapes": [],
        "barmode": "overlay",
    }
    data: list[dict[str, Any]] = []
    told: set[str] = set()
    beside, above = (0.22 if ends and not boxed else 0.11), 95 / (tall - 100)
    wide, high = (1 - beside * (columns - 1)) / columns, (1 - above * (rows - 1)) / rows
    for at, panel in enumerate(plot.panels):
        number = "" if at == 0 else str(at + 1)
        row, column = divmod(at, columns)
        left, top = column * (wide + beside), 1 - row * (high + above)
        across, down = (left, left + wide), (max(0.0, top - high), top)
        layout[f"xaxis{number}"] = {
            **_axis(panel.x, panel, "x", theme), "domain": across, "anchor": f"y{number}"
        }  # fmt: skip
        layout[f"yaxis{number}"] = {
            **_axis(panel.y, panel, "y", theme), "domain": down, "anchor": f"x{number}"
        }  # fmt: skip
        layout["annotations"].append(
            {
                "text": f"<b>{html.escape(panel.title)}</b>",
                "x": across[0],
                "y": down[1],
                "xref": "paper",
                "yref": "paper",
                "xanchor": "left",
                "yanchor": "bottom",
                "yshift": 8,
                "showarrow": False,
                "font": {"size": 14},
            }
        )
        _rules(panel, number, theme, layout)
        for series in panel.series:
            trace = _trace(panel, series, theme)
            if panel.names == "ends" and not boxed:
                _name(trace, series, theme)
            fresh = panel.names != "none" and series.name not in told
            told.add(series.name)
            data.append(
                {
                    **trace,
                    "xaxis": f"x{number}",
                    "yaxis": f"y{number}",
                    "legendgroup": series.name,
                    "showlegend": fresh,
                }
            )
    return {"data": data, "layout": layout}


def _rules(panel: Panel, number: str, theme: Theme, layout: dict[str, Any]) -> None:
    for rule in panel.rules:
        upright = rule.across == "x"
        axis = panel.x if upright else panel.y
        at = axis.place(rule.at)
        along, over = ("y", "x") if upright else ("x", "y")
        ends = {f"{over}0": at, f"{over}1": at, f"{along}0": 0, f"{along}1": 1}
        refs = {
            "xref": f"x{number}" if upright else f"x{number} domain",
            "yref": f"y{number} domain" if upright else f"y{number}",
        }
        line = {"color": theme.faint, "width": 1, "dash": "dash"}
        layout["shapes"].append({"type": "line", **refs, **ends, "line": line})
        # Annotations on an axis of logarithms want the logarithm.
        shown = math.log10(at) if axis.scale == "log" else at
        layout["annotations"].append(
            {
                **refs,
                "text": html.escape(rule.text),
                "x": shown if upright else 0,
                "y": 0 if upright else shown,
                "xanchor": "right" if upright else "left",
                "yanchor": "bottom",
                "textangle": -90 if upright else 0,
                "showarrow": False,
                "font": {"size": 12, "color": theme.faint},
            }
        )


def _axis(told: Axis, panel: Panel, name: Literal["x", "y"], theme: Theme) -> dict[str, Any]:
    values = panel.values(name)
    ends, marked = told.span(values), told.marked(values)
    barred = name == "x" and any(series.kind == "bars" for series in panel.series)
    return {
        "title": {
            "text": html.escape(told.label),
            "font": {"color": theme.faint, "size": 13},
            "standoff": 8,
        },
        "type": "log" if told.scale == "log" else "linear",
        "range": [math.log10(end) for end in ends] if told.scale == "log" else list(ends),
        "tickvals": [at for at, _ in marked],
        "ticktext": [html.escape(text) for _, text in marked],
        "tickangle": 0,
        "tickfont": {"color": theme.faint},
        "gridcolor": theme.line,
        "showgrid": not barred,
        "linecolor": theme.line,
        "zeroline": False,
    }


def _trace(panel: Panel, series: Series, theme: Theme) -> dict[str, Any]:
    colour = visible(series.colour, theme)
    hover = [
        _told(panel, series, i, x, y)
        for i, (x, y) in enumerate(zip(series.x, series.y, strict=True))
    ]
    made: dict[str, Any] = {
        "name": html.escape(series.name),
        "x": [panel.x.place(float(value)) for value in series.x],
        "y": [panel.y.place(float(value)) for value in series.y],
        "hovertext": hover,
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    if any(series.texts):
        made["text"] = [html.escape(text) for text in series.texts]
        made["textposition"] = "outside" if series.kind == "bars" else "top right"
        made["textfont"] = {"color": legible(colour, theme), "size": 12}
        made["cliponaxis"] = False
    if series.kind == "bars":
        return {**made, "type": "bar", "marker": {"color": colour}, "width": 0.82}
    if series.spread:
        axis = panel.x if series.spread_of == "x" else panel.y
        values = made[series.spread_of]
        pairs = [[axis.place(end) for end in pair] for pair in series.spread]
        made[f"error_{series.spread_of}"] = {
            "type": "data",
            "symmetric": False,
            "array": [high - at for (_, high), at in zip(pairs, values, strict=True)],
            "arrayminus": [at - low for (low, _), at in zip(pairs, values, strict=True)],
            "thickness": 1,
            "width": 0,
            "color": colour,
        }
    wide = 3.2 if series.strong else 1.8
    dash = DASHES[series.dash % len(DASHES)]
    mode = "markers" if series.kind == "marks" else "lines+markers"
    return {
        **made,
        "type": "scatter",
        "mode": mode + "+text" if any(series.texts) else mode,
        "line": {
            "color": colour,
            "width": wide,
            "dash": ",".join(f"{wide * length:g}px" for length in dash) or "solid",
        },
        "marker": {
            "color": colour,
            "symbol": SYMBOLS[series.marker % len(SYMBOLS)],
            "size": (9 if series.strong else 6) + 4 * (series.kind == "marks"),
            "line": {"color": theme.paper, "width": 0.8},
        },
    }


def _name(trace: dict[str, Any], series: Series, theme: Theme) -> None:
    """Write the name of a curve at its end."""
    name = html.escape(series.name)
    said = f"  <b>{name}</b>" if series.strong else f"  {name}"
    trace |= {
        "text": [""] * (len(series.x) - 1) + [said],
        "mode": trace["mode"] + "+text",
        "textposition": "middle right",
        "textfont": {"color": legible(visible(series.colour, theme), theme)},
        "cliponaxis": False,
    }


def _told(panel: Panel, series: Series, i: int, x: float, y: float) -> str:
    """What is told of one point."""
    lines = [f"<b>{html.escape(series.name)}</b>"]
    for axis, value in ((panel.x, x), (panel.y, y)):
        said = f"{value:.4f}" if axis.scale == "recall" else axis.say(value)
        lines.append(html.escape(f"{axis.label}: {said}"))
    if i < len(series.hover):
        lines.append(html.escape(series.hover[i]))
    return "<br>".join(lines)
