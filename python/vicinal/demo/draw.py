"""The growth of both ways as a picture: a PNG, and a page of HTML that needs nothing else."""

from __future__ import annotations

import html as markup
import math
from pathlib import Path
from string import Template
from typing import Any

from vicinal.errors import MissingExtraError

# Of Okabe and Ito's palette, which the colour-blind tell apart too.
WALK, ASK = "#0072B2", "#D55E00"
INK, FAINT = "#222222", "#6b6b6b"
PAGE = Path(__file__).with_name("page.html")

# What is drawn: the two keys of a stage, the heading, the axis and its unit.
PANELS = (
    ("walk_seconds", "ask_seconds", "Time for one question", "seconds"),
    ("walk_visits", "ask_visits", "Shops visited for one question", "shops"),
)


def png(figures: dict[str, Any], path: Path) -> None:
    """Draw both growths side by side.

    Parameters
    ----------
    figures : dict
        What `vicinal.demo.run` returns.
    path : Path
        The picture to write.

    Raises
    ------
    MissingExtraError
        If matplotlib isn't installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("it needs matplotlib: pip install 'vicinal[plot]'") from error
    growth = figures["growth"]
    figure = Figure(figsize=(12, 6.3), facecolor="white")
    figure.subplots_adjust(left=0.07, right=0.9, top=0.76, bottom=0.15, wspace=0.52)
    for axes, (walk, ask, heading, unit) in zip(figure.subplots(1, 2), PANELS, strict=True):
        _panel(axes, growth, walk, ask, unit)
        axes.set_title(heading, loc="left", fontsize=12, fontweight="bold", color=INK, pad=10)
    figure.text(0.07, 0.925, title(figures), fontsize=17, fontweight="bold", color=INK)
    figure.text(0.07, 0.872, subtitle(figures), fontsize=10.5, color=FAINT)
    figure.text(0.07, 0.025, law(figures), fontsize=10.5, color=INK)
    figure.savefig(path, dpi=160)


def _panel(axes: Any, growth: list[dict[str, Any]], walk: str, ask: str, unit: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    shops = [stage["shops"] for stage in growth]
    say = amount if unit == "shops" else seconds
    for key, colour, marker, name in ((walk, WALK, "s", "every shop"), (ask, ASK, "o", "asking")):
        values = [stage[key] for stage in growth]
        axes.plot(shops, values, color=colour, marker=marker, markersize=6, linewidth=2.2)
        axes.annotate(
            f"{name}\n{say(values[-1])}",
            (shops[-1], values[-1]),
            xytext=(11, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=11,
            fontweight="bold",
            linespacing=1.35,
        )
    last = growth[-1]
    axes.annotate(
        "",
        (shops[-1], last[walk]),
        xytext=(shops[-1], last[ask]),
        arrowprops={"arrowstyle": "<->", "color": FAINT, "shrinkA": 8, "shrinkB": 8},
    )
    axes.annotate(
        ratio(last[walk] / last[ask]),
        (shops[-1], (last[walk] * last[ask]) ** 0.5),
        xytext=(-9, 0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=12,
        color=INK,
    )
    axes.set(xscale="log", yscale="log", xlabel="Coffee shops in the city")
    axes.set_ylabel({"seconds": "Median time, one thread", "shops": "Median visits"}[unit])
    axes.xaxis.label.set_color(FAINT)
    axes.yaxis.label.set_color(FAINT)
    lowest, highest = _span(growth, walk, ask)
    axes.set_ylim(10.0**lowest, 10.0**highest)
    for axis, form in ((axes.xaxis, amount), (axes.yaxis, say)):
        axis.set_major_locator(LogLocator(10))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _, form=form: form(value)))
    axes.tick_params(colors=FAINT, length=0)
    axes.grid(visible=True, color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)


def html(figures: dict[str, Any], path: Path) -> None:
    """Write a page with the answers, the growth as an interactive plot, and as a table.

    Parameters
    ----------
    figures : dict
        What `vicinal.demo.run` returns.
    path : Path
        The page to write; it loads nothing from anywhere.

    Raises
    ------
    MissingExtraError
        If plotly isn't installed.
    """
    try:
        from plotly.subplots import make_subplots
    except ImportError as error:
        raise MissingExtraError("it needs plotly: pip install 'vicinal[plot]'") from error
    growth = figures["growth"]
    chart = make_subplots(
        1, 2, subplot_titles=[f"<b>{panel[2]}</b>" for panel in PANELS], horizontal_spacing=0.2
    )
    for column, (walk, ask, _, unit) in enumerate(PANELS, 1):
        _traces(chart, column, growth, walk, ask, amount if unit == "shops" else seconds)
    chart.update_xaxes(type="log", dtick=1, title="Coffee shops in the city")
    chart.update_yaxes(title="Median time, one thread", col=1, **_ticks(growth, PANELS[0], seconds))
    chart.update_yaxes(title="Median visits", col=2, **_ticks(growth, PANELS[1], amount))
    chart.update_xaxes(**_powers([stage["shops"] for stage in growth], amount))
    chart.update_layout(
        template="plotly_white",
        height=440,
        margin={"l": 70, "r": 90, "t": 50, "b": 60},
        hovermode="x unified",
        showlegend=False,
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
    )
    page = Template(PAGE.read_text(encoding="utf-8")).substitute(
        title=markup.escape(title(figures)),
        subtitle=markup.escape(subtitle(figures)),
        wish=markup.escape(figures["wish"]["text"]),
        said=markup.escape(
            ", ".join(f"{taste} {value}" for taste, value in figures["wish"]["said"].items())
        ),
        walk=_card(figures, "walk"),
        ask=_card(figures, "ask"),
        chart=chart.to_html(
            full_html=False,
            include_plotlyjs=True,
            config={"displaylogo": False, "responsive": True, "displayModeBar": False},
        ),
        law=markup.escape(law(figures)),
        rows="\n".join(_row(stage) for stage in growth),
        k=figures["k"],
    )
    path.write_text(page, encoding="utf-8")


def _traces(
    chart: Any, column: int, growth: list[dict[str, Any]], walk: str, ask: str, say: Any
) -> None:
    shops = [stage["shops"] for stage in growth]
    for key, colour, symbol, name in (
        (walk, WALK, "square", "every shop"),
        (ask, ASK, "circle", "asking"),
    ):
        values = [stage[key] for stage in growth]
        chart.add_scatter(
            x=shops,
            y=values,
            name=name,
            mode="lines+markers+text",
            line={"color": colour, "width": 2.5},
            marker={"symbol": symbol, "size": 8},
            text=[""] * (len(values) - 1) + [f" <b>{name}</b><br> {say(values[-1])}"],
            textposition="middle right",
            textfont={"color": colour},
            cliponaxis=False,
            customdata=[say(value) for value in values],
            hovertemplate="%{customdata}",
            row=1,
            col=column,
        )


def _span(growth: list[dict[str, Any]], walk: str, ask: str) -> tuple[float, float]:
    """Return the ends of an axis as powers of ten: from a whole one to a little above the data."""
    drawn = [stage[key] for stage in growth for key in (walk, ask)]
    return math.floor(math.log10(min(drawn))), math.log10(1.5 * max(drawn))


def _ticks(growth: list[dict[str, Any]], panel: tuple[str, ...], say: Any) -> dict[str, Any]:
    values = [stage[key] for stage in growth for key in panel[:2]]
    return {"type": "log", "range": _span(growth, *panel[:2]), **_powers(values, say)}


def _powers(values: list[float], say: Any) -> dict[str, Any]:
    """Make ticks at the powers of ten about these values."""
    powers = [10.0**power for power in range(-7, 9)]
    kept = [tick for tick in powers if min(values) / 10 < tick < max(values) * 10]
    return {"tickvals": kept, "ticktext": [say(tick) for tick in kept]}


def _card(figures: dict[str, Any], way: str) -> str:
    true = {shop["number"] for shop in figures["walk"]["shops"]}
    items = []
    for shop in figures[way]["shops"]:
        tastes = ", ".join(f"{taste} {shop['tastes'][taste]}" for taste in figures["wish"]["said"])
        missed = "" if shop["number"] in true else ' class="other"'
        items.append(
            f"<li{missed}><b>{markup.escape(shop['name'])}</b>, "
            f"{markup.escape(shop['neighbourhood'])} <span>{shop['kind']}; {tastes}; "
            f"{shop['distance']:.1f} apart</span></li>"
        )
    answer = figures[way]
    return (
        f"<p class='cost'><b>{seconds(answer['seconds'])}</b> "
        f"{answer['visits']:,} shops visited</p><ol>{''.join(items)}</ol>"
    )


def _row(stage: dict[str, Any]) -> str:
    cells = (
        f"{stage['shops']:,}",
        seconds(stage["walk_seconds"]),
        f"{stage['walk_visits']:,}",
        seconds(stage["ask_seconds"]),
        f"{stage['ask_visits']:,}",
        f"{stage['recall']:.1%}",
        ratio(stage["walk_seconds"] / stage["ask_seconds"]),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def title(figures: dict[str, Any]) -> str:
    """Say what the picture shows."""
    return f"Walk into {figures['shops']:,} coffee shops, or ask the way?"


def subtitle(figures: dict[str, Any]) -> str:
    """Say how it was measured."""
    worst = min(stage["recall"] for stage in figures["growth"])
    return (
        f"One question at a time on one thread, medians of {figures['questions']}. Asking the way "
        f"(HNSW) finds at least {worst:.1%} of the true {figures['k']} nearest at every size."
    )


def law(figures: dict[str, Any]) -> str:
    """Say what follows from it."""
    fitted = figures["law"]
    return (
        f"When the city doubles, visiting every shop takes {fitted['walk_factor']:.1f} times as "
        f"long, and asking the way visits {fitted['ask_visits']:.0f} shops more: linear against "
        "logarithmic."
    )


def amount(value: float) -> str:
    """Say a count briefly, if it is round.

    >>> amount(30_000), amount(1_000_000), amount(1_683)
    ('30k', '1M', '1,683')
    """
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size and value % (size / 10) == 0:
            return f"{value / size:g}{unit}"
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """Say a time as a person would.

    >>> seconds(0.000_062), seconds(0.0043)
    ('62 µs', '4.3 ms')
    """
    for unit, size in (("µs", 1e-6), ("ms", 1e-3)):
        if value < 999.5 * size:
            return f"{_digits(value / size)} {unit}"
    return f"{_digits(value)} s"


def ratio(value: float) -> str:
    """Say how many times less.

    >>> ratio(68.4), ratio(3.21), ratio(0.9)
    ('68x', '3.2x', '0.9x')
    """
    return f"{_digits(value)}x"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")
