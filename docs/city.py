"""A small city on the plane, its index, and how both are drawn: what the figures stand on.

Streets are the links of a real index (`Index.graph`), and ways are what `Index.explain` tells of
real searches. Nothing is drawn that the engine did not do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection

import vicinal
from vicinal.plots.look import BLUE, GREEN, LIGHT, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vicinal import Explanation
    from vicinal.explain import Layer

#: As on the map: the highways' orange, the streets' blue, and the green of what is right.
HIGHWAY, STREET, FOUND, MISSED = ORANGE, BLUE, GREEN, "#c1121f"
INK, MUTED, LAND, LOCAL = LIGHT.ink, "#8793a0", LIGHT.paper, LIGHT.quiet
SIZE = np.array([1.6, 1.0])
#: The towns of the figures of the knobs, and how many neighbours are asked for there.
TOWNS, K = (500, 3), 5


def suburbs(n: int, seed: int) -> np.ndarray:
    """Places spread evenly but not on a grid, float32, shape (n, 2); the first is a far corner."""
    rng = np.random.default_rng(seed)
    chosen = [np.array([0.02, 0.95])]
    while len(chosen) < n:
        fresh = rng.random((12, 2))
        gaps = np.linalg.norm(fresh[:, None] - np.array(chosen)[None], axis=2).min(axis=1)
        chosen.append(fresh[gaps.argmax()])
    return (np.array(chosen) * SIZE).astype(np.float32)


def towns(n: int, seed: int) -> np.ndarray:
    """Places that crowd in nine towns, and some between them, float32, shape (n, 2)."""
    rng = np.random.default_rng(seed)
    middles = rng.random((9, 2)) * SIZE
    places = middles[rng.integers(9, size=n)] + rng.normal(size=(n, 2)) * 0.075
    places[: n // 3] = rng.random((n // 3, 2)) * SIZE
    return np.clip(places, 0, SIZE)[rng.permutation(n)].astype(np.float32)


def asked() -> np.ndarray:
    """Those who ask in the towns, of whom one is drawn."""
    return towns(300, 4)


def built(points: np.ndarray, **knobs: float | None) -> vicinal.Index:
    """An index of places, added a few at a time."""
    ix = vicinal.Index(2, **knobs)
    for start in range(0, len(points), 50):
        ix.add(points[start : start + 50], threads=1)
    return ix


@dataclass(frozen=True)
class Measured:
    """What many queries find and cost on average."""

    recall: float
    distances: float
    hops: float


def measured(ix: vicinal.Index, queries: np.ndarray, k: int, ef_search: int) -> Measured:
    r = ix.search(queries, k, ef_search=ef_search, plan="graph", counters=True)
    true = ix.search(queries, k, exact=True)
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(r.ids, true.ids, strict=True))
    counters = r.counters
    return Measured(
        hits / true.ids.size,
        float(counters.distance_evaluations.mean()),
        float(counters.hops.mean()),
    )


# ---- drawing ----------------------------------------------------------------------------------


def bare(ax: Axes) -> None:
    ax.set_aspect("equal")
    ax.set_axis_off()


def links(ix: vicinal.Index, layer: int) -> tuple[np.ndarray, np.ndarray]:
    """The nodes of a layer, and its links as pairs of places, shape (n, 2), each once."""
    held = ix.graph().layers[layer]
    ends = np.repeat(held.nodes, np.diff(held.offsets.astype(np.int64)))
    pairs = np.sort(np.column_stack([ends, held.neighbors]).astype(np.int64), axis=1)
    return held.nodes.astype(np.int64), np.unique(pairs, axis=0)


def roads(ax: Axes, points: np.ndarray, pairs: np.ndarray, **style: object) -> None:
    # One path with gaps, which takes a fifth of the bytes of as many lines.
    ends = np.full((len(pairs), 3, 2), np.nan)
    ends[:, :2] = points[pairs]
    ax.plot(*ends.reshape(-1, 2).T, zorder=1, **{"color": LOCAL, "lw": 0.8, **style})


def seen(layer: Layer) -> np.ndarray:
    """Every place that was measured on a layer."""
    parts = [hop.seen_ids for hop in layer.hops]
    return np.unique(np.concatenate([[layer.entry], *parts]).astype(np.int64))


def steps(layer: Layer) -> list[tuple[int, int]]:
    """The hops of a layer as pairs: from the hop that first saw a place to that place."""
    led: dict[int, int] = {}
    pairs = []
    for hop in layer.hops:
        if hop.id in led:
            pairs.append((led[hop.id], hop.id))
        for number in hop.seen_ids.tolist():
            led.setdefault(number, hop.id)
    return pairs


def route(ax: Axes, points: np.ndarray, layer: Layer, **style: object) -> None:
    pairs = steps(layer)
    if pairs:
        colour = HIGHWAY if layer.layer else STREET
        look = {"color": colour, "lw": 2.4, "zorder": 4, "capstyle": "round", **style}
        ax.add_collection(LineCollection(points[np.array(pairs)], **look))


def walked(ax: Axes, points: np.ndarray, way: Explanation) -> None:
    """A whole way as one walker sees it: from place to place on every layer."""
    for layer in way.layers:
        route(ax, points, layer)


def dots(ax: Axes, places: np.ndarray, size: float, colour: str, **style: object) -> None:
    ax.scatter(*np.atleast_2d(places).T, s=size, **{"color": colour, "lw": 0, **style})


def star(ax: Axes, at: np.ndarray) -> None:
    ax.plot(*at, marker="*", ms=15, color=INK, mec=LAND, mew=1.0, zorder=8, ls="none")


# ---- maps beside each other --------------------------------------------------------------------


def maps_of(
    indexes: list[tuple[str, vicinal.Index, int]], points: np.ndarray, q: np.ndarray
) -> Figure:
    """A map for each index with the way of one query; above it what many queries find and cost."""
    fig, axes = plt.subplots(1, len(indexes), figsize=(10, 2.9))
    for ax, (name, ix, ef_search) in zip(axes, indexes, strict=True):
        told = measured(ix, asked(), K, ef_search)
        way = ix.explain(q, K, ef_search=ef_search, plan="graph")
        true = ix.search(q, K, exact=True).ids
        roads(ax, points, links(ix, 0)[1], lw=0.55)
        dots(ax, points, 5, MUTED, zorder=2)
        walked(ax, points, way)
        hit = np.isin(true, way.result.ids)
        dots(ax, points[true[hit]], 34, FOUND, zorder=6)
        if not hit.all():
            ax.scatter(*points[true[~hit]].T, s=42, marker="X", color=MISSED, lw=0, zorder=6)
        star(ax, q)
        ax.set_title(
            f"{name}\nrecall {told.recall:.2f}, {told.distances:.0f} distances, "
            f"{told.hops:.0f} hops",
            fontsize=10,
        )
        ax.set_xlim(-0.03, 1.63)
        ax.set_ylim(-0.03, 1.03)
        bare(ax)
    fig.tight_layout()
    return fig


def hits(ix: vicinal.Index, ef_search: int) -> np.ndarray:
    """How many of the true nearest each of those who ask is told."""
    found = ix.search(asked(), K, ef_search=ef_search, plan="graph").ids
    true = ix.search(asked(), K, exact=True).ids
    return np.array([np.isin(*pair).sum() for pair in zip(found, true, strict=True)])


def telling(worse: np.ndarray, better: np.ndarray) -> np.ndarray:
    """Of those who ask, the first of those to whom the better answer is of most use."""
    return asked()[int((better - worse).argmax())]
