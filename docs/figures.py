"""Draws the figures of the documentation into docs/images (`make figures`).

Every number written into a picture is counted or measured while it is drawn; nothing is typed in.
Seeds are fixed, and the figures show counters, never clocks, so that the same code draws the same
pictures on any machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Polygon

import vicinal
from city import (
    FOUND,
    HIGHWAY,
    INK,
    LOCAL,
    MISSED,
    MUTED,
    STREET,
    TOWNS,
    K,
    asked,
    bare,
    built,
    dots,
    hits,
    links,
    maps_of,
    measured,
    roads,
    route,
    seen,
    star,
    steps,
    suburbs,
    telling,
    towns,
    walked,
)
from vicinal.plots import look, still

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

QUERY = np.array([1.31, 0.3], np.float32)


def brute_force_and_small_world() -> Figure:
    """The same question asked of every point, and asked along the roads."""
    points = suburbs(220, seed=4)
    # A level law of almost nothing: all nodes are on layer 0, and searches begin at the first.
    ix = built(points, M=3, level_p=1e-9)
    way = ix.explain(QUERY, 1, ef_search=1, plan="graph")
    exact = ix.search(QUERY, 1, exact=True, counters=True)
    (ground,) = way.layers

    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.7))
    for point in points:
        left.plot(*np.array([QUERY, point]).T, color=LOCAL, lw=0.6, zorder=1)
    dots(left, points, 14, INK, zorder=3)
    dots(left, points[exact.ids], 60, FOUND, zorder=5)
    left.set_title(f"Brute force: {int(exact.counters.distance_evaluations)} distances")

    roads(right, points, links(ix, 0)[1])
    dots(right, points, 14, LOCAL, zorder=2)
    dots(right, points[seen(ground)], 14, INK, zorder=3)
    walked(right, points, way)
    dots(right, points[ground.entry], 46, STREET, zorder=5)
    right_one = way.result.ids[0] == exact.ids[0]
    dots(right, points[way.result.ids], 60, FOUND if right_one else MISSED, zorder=6)
    count = int(way.counters.distance_evaluations)
    right.set_title(f"Small world: {count} distances, {len(steps(ground))} steps")
    for ax in (left, right):
        star(ax, QUERY)
        bare(ax)
    fig.tight_layout()
    return fig


def neighbours_chosen() -> Figure:
    """The nearest M neighbours against the diverse M that an index links (Algorithm 4)."""
    rng = np.random.default_rng(12)
    crowd = np.array([0.62, 0.0]) + rng.normal(size=(11, 2)) * 0.13
    others = np.array([[-0.95, 0.5], [-0.8, -0.62], [0.1, 0.98], [0.2, -0.95], [-1.25, -0.1]])
    points = np.vstack([crowd, others, [[0.0, 0.0]]]).astype(np.float32)
    last, M = len(points) - 1, 5
    ix = built(points, M=M)
    nearest = vicinal.knn(points[:-1], points[-1], M).ids
    ways = [
        (f"The {M} nearest: all roads lead into one crowd", nearest),
        ("What an index links: roads in all directions", ix.neighbors_of(last)),
    ]
    fig, axes = plt.subplots(1, 2, figsize=(10, 3.7))
    for ax, (title, chosen) in zip(axes, ways, strict=True):
        roads(ax, points, np.array([(last, other) for other in chosen]), color=STREET, lw=2)
        dots(ax, points[:-1], 30, MUTED, zorder=3)
        dots(ax, points[last], 80, INK, zorder=4)
        ax.set_title(title)
        ax.set_xlim(-1.6, 1.6)
        ax.set_ylim(-1.1, 1.25)
        bare(ax)
    fig.tight_layout(rect=(0, 0, 1, 0.94))
    return fig


def on_floor(points: np.ndarray, floor: int) -> np.ndarray:
    """Points of a layer seen at a slant, one floor above the other."""
    slanted = [points[:, 0] + 0.5 * points[:, 1], 0.36 * points[:, 1] + 0.62 * floor]
    return np.column_stack(slanted)


def layers_and_the_law() -> Figure:
    """Left: the layers of an index, and the way down. Right: how many nodes each layer gets."""
    points = suburbs(160, seed=5)
    ix = built(points, M=3, level_p=0.2, seed=7)
    way = ix.explain(QUERY, 1, ef_search=1, plan="graph")
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), width_ratios=[1.5, 1])

    corners = np.array([[-0.06, -0.06], [1.66, -0.06], [1.66, 1.06], [-0.06, 1.06]])
    for floor, nodes in enumerate(ix.stats().nodes_per_layer):
        members, pairs = links(ix, floor)
        flat = on_floor(points, floor)
        ground = on_floor(corners, floor)
        left.add_patch(Polygon(ground, fc="white", ec=LOCAL, lw=0.8, zorder=0, alpha=0.85))
        if len(pairs):
            roads(left, flat, pairs)
        dots(left, flat[members], 11, MUTED, zorder=2)
        at = on_floor(np.array([[-0.1, 0.0]]), floor)[0] - [0.04, 0.0]
        said = f"layer {floor}\n{nodes} node{'' if nodes == 1 else 's'}"
        left.text(*at, said, ha="right", va="bottom", fontsize=9)
    for above, layer in zip([None, *way.layers], way.layers, strict=False):
        flat = on_floor(points, layer.layer)
        route(left, flat, layer)
        if above is not None:
            drop = np.vstack([on_floor(points, above.layer)[layer.entry], flat[layer.entry]])
            left.plot(*drop.T, color=HIGHWAY, lw=1.2, ls=(0, (2, 2)), zorder=4)
    dots(left, on_floor(points, 0)[way.result.ids], 55, FOUND, zorder=6)
    star(left, on_floor(QUERY[None], 0)[0])
    left.set_title("Highways above, local roads below")
    left.set_xlim(-0.75, 2.25)
    bare(left)

    n, M = 20_000, 16
    large = vicinal.Index(dim=8, M=M, ef_construction=40, seed=1)
    large.add(np.random.default_rng(1).random((n, 8), dtype=np.float32), threads=1)
    found = large.stats().nodes_per_layer
    layers = np.arange(len(found))
    right.barh(layers, found, color=LOCAL, height=0.6, label="nodes found in an index")
    right.plot(n / M**layers, layers, "o-", color=HIGHWAY, lw=1.8, label="the law, N / M^layer")
    for layer, count in zip(layers, found, strict=True):
        right.text(max(count, n / M**layer) * 1.5, layer, f"{count:,}", va="center", fontsize=9)
    right.set_xscale("log")
    right.set_xlim(0.7, n * 12)
    right.set_ylim(-0.6, len(found) + 0.4)
    right.set_yticks(layers, [f"layer {layer}" for layer in layers])
    right.set_xlabel("nodes")
    right.set_title(f"{n:,} nodes, M = {M}")
    right.legend(loc="upper right")
    fig.tight_layout()
    return fig


def greedy_descent() -> Figure:
    """One search from above, a map for each layer."""
    points = suburbs(320, seed=8)
    ix = built(points, M=3, level_p=0.17, seed=4)
    way = ix.explain(QUERY, 1, ef_search=1, plan="graph")
    fig, axes = plt.subplots(1, len(way.layers), figsize=(10, 2.9))
    for ax, layer in zip(axes, way.layers, strict=True):
        members, pairs = links(ix, layer.layer)
        if len(pairs):
            roads(ax, points, pairs)
        dots(ax, points[members], 8, LOCAL, zorder=2)
        dots(ax, points[seen(layer)], 9, INK, zorder=3)
        route(ax, points, layer)
        dots(ax, points[layer.entry], 34, HIGHWAY if layer.layer else STREET, zorder=5)
        star(ax, QUERY)
        ax.set_xlim(-0.05, 1.65)
        ax.set_ylim(-0.05, 1.05)
        ax.set_title(f"Layer {layer.layer}: {len(seen(layer))} looked at")
        bare(ax)
    dots(axes[-1], points[way.result.ids], 50, FOUND, zorder=6)
    total = int(way.counters.distance_evaluations)
    fig.text(0.01, 0.02, f"{total} distances in all, for {len(points)} points", color=MUTED)
    fig.tight_layout(rect=(0, 0.05, 1, 1))
    return fig


def the_knob_m() -> Figure:
    """More links a node: denser streets, a surer and shorter way."""
    points = towns(*TOWNS)
    values = [(f"M = {M}", built(points, M=M), K) for M in (2, 3, 8)]
    return maps_of(values, points, asked()[17])


def the_knob_ef_construction() -> Figure:
    """A wider look around while building: the same number of links, better ones."""
    points = towns(*TOWNS)
    values = [
        (f"ef_construction = {ef}", built(points, M=3, ef_construction=ef), 2 * K)
        for ef in (2, 5, 100)
    ]
    first, _, last = (hits(ix, ef_search) for _, ix, ef_search in values)
    return maps_of(values, points, telling(first, last))


def the_knob_ef_search() -> Figure:
    """A wider search through the same streets."""
    points = towns(*TOWNS)
    ix = built(points, M=3, ef_construction=5)
    q = telling(hits(ix, K), hits(ix, 40))
    return maps_of([(f"ef_search = {ef}", ix, ef) for ef in (K, 12, 40)], points, q)


def knobs_measured() -> Figure:
    """What ef_search buys, for three values of M, in distance evaluations."""
    rng = np.random.default_rng(3)
    # Correlated components, as embeddings have: 40 of them, moved by 20 hidden ones.
    cloud = rng.normal(size=(20_500, 20)) @ rng.normal(size=(20, 40))
    X, Q = np.split(cloud.astype(np.float32), [20_000])
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9))
    for M, colour, marker in ((6, look.BLUE, "s"), (16, look.OWN, "o"), (32, look.GREEN, "^")):
        ix = vicinal.Index(dim=X.shape[1], M=M, ef_construction=200, seed=0)
        ix.add(X, threads=1)  # one thread: the same links, and so the same picture, every time
        efs = [10, 16, 24, 40, 64, 100, 160, 256, 400]
        told = [measured(ix, Q, 10, ef) for ef in efs]
        recalls = [one.recall for one in told]
        style = {"color": colour, "marker": marker, "ms": 5, "label": f"M = {M}"}
        left.plot(efs, recalls, **style)
        right.plot([one.distances for one in told], recalls, **style)
    for ax, label in ((left, "ef_search"), (right, "distances evaluated per query")):
        ax.set_xscale("log")
        ax.set_xlabel(label)
        ax.set_ylabel("recall@10")
        ax.grid(visible=True)
    right.axvline(len(X), color=MUTED, lw=1, ls=(0, (3, 3)))
    right.text(len(X) * 0.93, right.get_ylim()[0], "brute force ", color=MUTED, rotation=90,
               ha="right", va="bottom")  # fmt: skip
    left.set_title("A wider search finds more")
    right.set_title("and costs more")
    left.legend(loc="lower right")
    fig.tight_layout()
    return fig


FIGURES: dict[str, Callable[[], Figure]] = {
    "brute-force-and-small-world": brute_force_and_small_world,
    "neighbours-chosen": neighbours_chosen,
    "layers-and-the-law": layers_and_the_law,
    "greedy-descent": greedy_descent,
    "the-knob-m": the_knob_m,
    "the-knob-ef-construction": the_knob_ef_construction,
    "the-knob-ef-search": the_knob_ef_search,
    "knobs-measured": knobs_measured,
}


def draw(folder: Path, names: list[str] | None = None, suffix: str = ".svg") -> list[Path]:
    """Draw the named figures, or all, into a folder; returns the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with plt.rc_context(look.style(look.LIGHT)):
        for name in names or list(FIGURES):
            fig = FIGURES[name]()
            path = folder / f"{name}{suffix}"
            still.write(fig, path, look.LIGHT)
            plt.close(fig)
            written.append(path)
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *FIGURES], help="all when none is named")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    args = parser.parse_args()
    for path in draw(args.out, args.names):
        print(path)
