"""The growth of both ways as a picture and as a page, and the map with the way asked."""

from __future__ import annotations

import html as markup
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from vicinal.demo.walk import K
from vicinal.growth import amount, digits, seconds
from vicinal.plots import Axis, Panel, Plot, Series
from vicinal.plots.look import BLUE, OWN
from vicinal.plots.page import fragment, plotly

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from vicinal.datasets import CoffeeCity
    from vicinal.index import Index

PAGE = Path(__file__).with_name("page.html")
#: Of a large city the map shows so many shops, chosen by chance, and all that the walk came by.
SHOWN = 20_000
#: ef_search of the way on the map: the narrowest there is, so that an eye can follow it.
WALKED = K


def plot(figures: dict[str, Any]) -> Plot:
    """Draw both growths side by side.

    Parameters
    ----------
    figures : dict
        What `vicinal.demo.run` returns.
    """
    growth = figures["growth"]
    city = Axis("coffee shops in the city", "log", amount)
    shops = [stage["shops"] for stage in growth]

    def both(of: str, say: Callable[[float], str]) -> list[Series]:
        return [
            Series(
                f"{name}  {say(growth[-1][f'{way}_{of}'])}",
                shops,
                [stage[f"{way}_{of}"] for stage in growth],
                colour,
                marker=marker,
                strong=way == "ask",
                hover=[
                    f"recall: {stage['recall']:.1%}" if way == "ask" else "" for stage in growth
                ],
            )
            for way, name, colour, marker in (
                ("walk", "every shop", BLUE, 1),
                ("ask", "asking", OWN, 0),
            )
        ]

    return Plot(
        title(figures),
        [
            Panel(
                "Time for one question",
                city,
                Axis("median time, one thread", "log", seconds),
                both("seconds", seconds),
                names="ends",
            ),
            Panel(
                "Shops visited for one question",
                city,
                Axis("median visits", "log", amount),
                both("visits", amount),
                names="ends",
            ),
        ],
        f"{subtitle(figures)} {law(figures)}",
        size=(6.0, 4.6),
    )


def write_page(figures: dict[str, Any], path: Path) -> None:
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
    page = Template(PAGE.read_text(encoding="utf-8")).substitute(
        title=markup.escape(title(figures)),
        subtitle=markup.escape(subtitle(figures)),
        wish=markup.escape(figures["wish"]["text"]),
        said=markup.escape(
            ", ".join(f"{taste} {value}" for taste, value in figures["wish"]["said"].items())
        ),
        walk=_card(figures, "walk"),
        ask=_card(figures, "ask"),
        chart=f"<script>{plotly()}</script>\n{fragment(plot(figures))}",
        law=markup.escape(law(figures)),
        rows="\n".join(_row(stage) for stage in figures["growth"]),
        k=figures["k"],
    )
    path.write_text(page, encoding="utf-8")


def write_map(
    index: Index, city: CoffeeCity, query: NDArray[np.uint8], wish: str, path: Path
) -> None:
    """Write the map of the city, with the way of the one who asked.

    Raises
    ------
    MissingExtraError
        If plotly isn't installed.
    """
    index.map(
        path,
        query,
        k=K,
        ef_search=WALKED,
        labels=city.names(),
        payloads=city.signs(),
        color="kind",
        most=SHOWN,
        layout="pca",
        title=f"The way to: {wish} (ef_search {WALKED})",
    )


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


def ratio(value: float) -> str:
    """Say how many times less.

    >>> ratio(68.4), ratio(3.21), ratio(0.9)
    ('68x', '3.2x', '0.9x')
    """
    return f"{digits(value)}x"
