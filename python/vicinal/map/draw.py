"""The page: what is to be seen, the plotting library, and the few lines that steer it."""

from __future__ import annotations

import html
import json
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks
from vicinal.arrays import query_rows
from vicinal.errors import InvalidInputError
from vicinal.map.place import LAYOUTS
from vicinal.map.scene import Wish, scene
from vicinal.outputs import atomic, target
from vicinal.plots.page import plotly

if TYPE_CHECKING:
    import os

    from numpy.typing import ArrayLike

    from vicinal.idset import IdSet
    from vicinal.map.given import Words
    from vicinal.map.scene import Mapped

#: Queries of one map: each has its way in the page, and its misses looked into.
MOST_QUERIES = 100
#: What the name of a page may end with.
ENDINGS = (".html", ".htm")
#: Vectors of one map: a browser holds no more.
MOST_SHOWN = 1_000_000


class CityMap:
    """A map that was drawn; in a notebook, shown.

    Attributes
    ----------
    html : str
        The page, which needs nothing else.
    shown, count : int
        How many vectors it shows, and how many there are.
    layout : str
        How they were placed: "pca" or "umap".
    """

    __slots__ = ("count", "html", "layout", "shown")

    def __init__(self, page: str, shown: int, count: int, layout: str) -> None:
        self.html, self.shown, self.count, self.layout = page, shown, count, layout

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file; one that is there is replaced once the new one is whole.

        Raises
        ------
        FileMissingError
            No such folder.
        StorageError
            The system could not write it.
        """
        with atomic(target(path, ENDINGS)) as part:
            part.write_text(self.html, encoding="utf-8")

    def _repr_html_(self) -> str:
        page = html.escape(self.html)
        return f'<iframe srcdoc="{page}" width="100%" height="720" frameborder="0"></iframe>'

    def __repr__(self) -> str:
        return f"CityMap({self.shown:,} of {self.count:,} vectors, placed by {self.layout})"


def draw(
    index: Mapped,
    path: str | os.PathLike[str] | None,
    queries: ArrayLike | None,
    words: Words,
    *,
    k: int,
    ef_search: int,
    allowed: IdSet | None,
    missing: str,
    color: Any,
    most: int,
    layout: str,
    seed: int,
    title: str,
) -> CityMap:
    """Draw the map of an index. See `Index.map`.

    Parameters
    ----------
    index : Mapped
        An index, or what answers as one.
    words : Words
        What is known of its vectors.
    allowed : IdSet, optional
        What queries may find.
    color
        Names the scale, where it is a field of payloads.
    """
    library = plotly()
    if path is not None:
        target(path, ENDINGS)  # before the work begins
    wish = Wish(
        _queries(index, queries),
        checks.integer("k", k, 1, checks.MAX_K),
        checks.integer("ef_search", ef_search, 1, checks.MAX_EF),
        allowed,
        checks.text("missing", missing),
        color if isinstance(color, str) else "colour",
        checks.integer("most", most, 1, MOST_SHOWN),
        checks.choice("layout", layout, LAYOUTS),
        checks.integer("seed", seed, 0, 2**32 - 1),
    )
    heading = html.escape(checks.text("title", title))
    told = scene(index, words, wish)
    page = Template(_part("page.html")).substitute(
        title=heading,
        style=_part("map.css"),
        # No text of the data can end the script that it stands in. Half a pair of surrogates, which
        # no file can hold, becomes a question mark.
        data=json.dumps(told, ensure_ascii=False)
        .replace("<", "\\u003c")
        .encode("utf-8", "replace")
        .decode(),
        plotly=library,
        script=_part("move.js") + _part("map.js"),
    )
    drawn = CityMap(page, len(told["ids"]), told["count"], told["layout"])
    if path is not None:
        drawn.save(path)
    return drawn


def _part(name: str) -> str:
    return (files("vicinal.map") / name).read_text(encoding="utf-8")


def _queries(index: Mapped, queries: ArrayLike | None) -> Any:
    if queries is None:
        return np.zeros((0, 0))
    rows = np.atleast_2d(query_rows(queries, index.dim, index.dtype))
    if len(rows) > MOST_QUERIES:
        raise InvalidInputError(
            f"a map shows the ways of at most {MOST_QUERIES} queries, not {len(rows):,}"
        )
    return rows
