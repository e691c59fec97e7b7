"""Draws the figures of the documentation into docs/images (`make figures`).

Every number written into a picture is counted or measured while it is drawn; nothing is typed in.
Seeds are fixed, and the figures that use the engine show counters, never clocks, so that the same
code draws the same pictures on any machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Polygon

import toy
import vicinal

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Orange, blue and green of Okabe and Ito's palette, which the colour-blind tell apart.
INK, MUTED, LAND = "#22303c", "#8793a0", "#faf8f4"
LOCAL, HIGHWAY, QUERY, FOUND = "#c8cfd6", "#d55e00", "#0072b2", "#009e73"

LOOK = {
    "figure.facecolor": LAND,
    "axes.facecolor": LAND,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "font.size": 10,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
    # Ids and dates that change from run to run would make every redraw a change.
    "svg.hashsalt": "vicinal",
}


def scene(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points spread evenly but not on a grid, shape (n, 2), and a query among them."""
    rng = np.random.default_rng(seed)
    chosen = [rng.random(2)]
    while len(chosen) < n:
        fresh = rng.random((12, 2))
        gaps = np.linalg.norm(fresh[:, None] - np.array(chosen)[None], axis=2).min(axis=1)
        chosen.append(fresh[gaps.argmax()])
    return np.array(chosen) * [1.6, 1.0], np.array([1.31, 0.3])


def bare(ax: Axes) -> None:
    ax.set_aspect("equal")
    ax.set_axis_off()


def roads(ax: Axes, points: np.ndarray, links: dict[int, set[int]], **style: object) -> None:
    for a, others in links.items():
        for b in others:
            if a < b:
                ax.plot(*points[[a, b]].T, zorder=1, **{"color": LOCAL, "lw": 0.9, **style})


def star(ax: Axes, at: np.ndarray) -> None:
    ax.plot(*at, marker="*", ms=15, color=QUERY, mec=LAND, mew=0.8, zorder=6, ls="none")


def brute_force_and_small_world() -> Figure:
    """The same question asked of every point, and asked along the roads."""
    points, query = scene(220, seed=4)
    links = toy.link(points, np.arange(len(points)), M=6)
    start = int(toy.distances(points, np.array([0.1, 0.85])).argmin())
    walk = toy.walk(points, links, start, query)
    answer = int(toy.distances(points, query).argmin())

    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9))
    for point in points:
        left.plot(*np.array([query, point]).T, color=LOCAL, lw=0.6, zorder=1)
    left.scatter(*points.T, s=12, color=INK, zorder=3)
    left.scatter(*points[answer], s=42, color=FOUND, zorder=5)
    left.set_title(f"Brute force: {len(points)} distances")

    roads(right, points, links)
    right.scatter(*points.T, s=12, color=MUTED, zorder=2)
    right.scatter(*points[walk.measured].T, s=14, color=INK, zorder=3)
    right.plot(*points[walk.path].T, color=HIGHWAY, lw=2.2, zorder=4)
    right.scatter(*points[walk.path[-1]], s=42, color=FOUND, zorder=5)
    right.scatter(*points[start], s=42, color=HIGHWAY, zorder=5)
    right.set_title(f"Small world: {len(walk.measured)} distances, {len(walk.path) - 1} steps")
    for ax in (left, right):
        star(ax, query)
        bare(ax)
    fig.tight_layout()
    return fig


def neighbours_chosen() -> Figure:
    """The nearest M neighbours against a diverse M (Algorithm 4)."""
    rng = np.random.default_rng(12)
    crowd = np.array([0.62, 0.0]) + rng.normal(size=(11, 2)) * 0.13
    others = np.array([[-0.95, 0.5], [-0.8, -0.62], [0.1, 0.98], [0.2, -0.95], [-1.25, -0.1]])
    points = np.vstack([[0.0, 0.0], crowd, others])
    members = np.arange(len(points))

    fig, axes = plt.subplots(1, 2, figsize=(10, 3.9))
    ways: list[tuple[str, Callable[..., list[int]]]] = [
        ("The 5 nearest: all roads lead into one crowd", toy.nearest),
        ("A diverse choice: one road in each direction", toy.diverse),
    ]
    for ax, (title, choose) in zip(axes, ways, strict=True):
        for other in choose(points, 0, members, 5):
            ax.plot(*points[[0, other]].T, color=HIGHWAY, lw=2, zorder=2)
        ax.scatter(*points[1:].T, s=26, color=MUTED, zorder=3)
        ax.scatter(*points[0], s=70, color=INK, zorder=4)
        ax.set_title(title)
        ax.set_xlim(-1.6, 1.6)
        ax.set_ylim(-1.1, 1.25)
        bare(ax)
    fig.tight_layout(rect=(0, 0, 1, 0.94))
    return fig


def on_floor(points: np.ndarray, floor: int) -> np.ndarray:
    """Points of a layer seen at a slant, one floor above the other."""
    return np.column_stack([points[:, 0] + 0.5 * points[:, 1], 0.36 * points[:, 1] + 0.62 * floor])


def layers_and_the_law() -> Figure:
    """Left: three layers of one index, and the way down. Right: how many nodes each layer gets."""
    points, query = scene(150, seed=5)
    levels = toy.draw_levels(len(points), 5, np.random.default_rng(9))
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), width_ratios=[1.5, 1])

    entry = int(np.flatnonzero(levels == levels.max())[0])
    corners = np.array([[-0.06, -0.06], [1.66, -0.06], [1.66, 1.06], [-0.06, 1.06]])
    for floor in range(levels.max(), -1, -1):
        members = np.flatnonzero(levels >= floor)
        links = toy.link(points, members, M=6)
        walk = toy.walk(points, links, entry, query)
        flat = on_floor(points, floor)
        left.add_patch(
            Polygon(on_floor(corners, floor), fc="white", ec=LOCAL, lw=0.8, zorder=0, alpha=0.85)
        )
        roads(left, flat, links)
        left.scatter(*flat[members].T, s=10, color=MUTED, zorder=2)
        left.plot(*flat[walk.path].T, color=HIGHWAY, lw=2, zorder=4)
        if floor:
            drop = np.vstack([flat[walk.path[-1]], on_floor(points, floor - 1)[walk.path[-1]]])
            left.plot(*drop.T, color=HIGHWAY, lw=1.1, ls=(0, (2, 2)), zorder=4)
        else:
            left.scatter(*flat[walk.path[-1]], s=42, color=FOUND, zorder=5)
        left.text(
            *(on_floor(np.array([[-0.1, 0.0]]), floor)[0] + [-0.04, 0.0]),
            f"layer {floor}\n{len(members)} node{'s' * (len(members) > 1)}",
            ha="right",
            va="bottom",
            fontsize=9,
        )
        entry = walk.path[-1]
    star(left, on_floor(query[None], 0)[0])
    left.set_title("Highways above, local roads below")
    left.set_xlim(-0.75, 2.25)
    bare(left)

    n, M = 20_000, 16
    ix = vicinal.Index(dim=8, M=M, ef_construction=40, seed=1)
    ix.add(np.random.default_rng(1).random((n, 8), dtype=np.float32), threads=1)
    found = np.array(ix.stats().nodes_per_layer)
    layers = np.arange(len(found))
    right.barh(layers, found, color=LOCAL, height=0.6, label="nodes found in an index")
    right.plot(n / M**layers, layers, "o-", color=HIGHWAY, lw=1.6, label="the law, N / M^layer")
    for layer, count in zip(layers, found, strict=True):
        right.text(max(count, n / M**layer) * 1.5, layer, f"{count:,}", va="center", fontsize=9)
    right.set_xscale("log")
    right.set_xlim(0.7, n * 12)
    right.set_ylim(-0.6, len(found) + 0.4)
    right.set_yticks(layers, [f"layer {layer}" for layer in layers])
    right.set_xlabel("nodes")
    right.set_title(f"{n:,} nodes, M = {M}")
    right.legend(loc="upper right", fontsize=9)
    fig.tight_layout()
    return fig


def greedy_descent() -> Figure:
    """The same search from above, one map per layer."""
    points, query = scene(260, seed=8)
    levels = np.minimum(toy.draw_levels(len(points), 5, np.random.default_rng(16)), 2)
    fig, axes = plt.subplots(1, 3, figsize=(10, 2.9))
    corner = toy.distances(points, np.array([0.0, 1.0])) + 10.0 * (levels < 2)
    entry, total = int(corner.argmin()), 0
    for ax, floor in zip(axes, (2, 1, 0), strict=True):
        members = np.flatnonzero(levels >= floor)
        links = toy.link(points, members, M=6)
        walk = toy.walk(points, links, entry, query)
        total += len(walk.measured)
        roads(ax, points, links)
        ax.scatter(*points[members].T, s=7, color=MUTED, zorder=2)
        ax.scatter(*points[walk.measured].T, s=9, color=INK, zorder=3)
        ax.plot(*points[walk.path].T, color=HIGHWAY, lw=2, zorder=4)
        ax.scatter(*points[entry], s=34, color=HIGHWAY, zorder=5)
        ax.scatter(*points[walk.path[-1]], s=34, color=FOUND, zorder=5)
        star(ax, query)
        ax.set_xlim(-0.05, 1.65)
        ax.set_ylim(-0.05, 1.05)
        ax.set_title(f"Layer {floor}: {len(walk.measured)} distances")
        bare(ax)
        entry = walk.path[-1]
    fig.text(0.01, 0.02, f"{total} distances in all, for {len(points)} points", color=MUTED)
    fig.tight_layout(rect=(0, 0.05, 1, 1))
    return fig


def knobs_measured() -> Figure:
    """What ef_search buys, for three values of M, in distance evaluations."""
    rng = np.random.default_rng(3)
    # Correlated components, as embeddings have: 40 of them, moved by 20 hidden ones.
    cloud = rng.normal(size=(20_500, 20)) @ rng.normal(size=(20, 40))
    X, Q = np.split(cloud.astype(np.float32), [20_000])
    truth = vicinal.knn(X, Q, k=10).ids

    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.9))
    for M, colour in ((6, MUTED), (16, HIGHWAY), (32, FOUND)):
        ix = vicinal.Index(dim=X.shape[1], M=M, ef_construction=200, seed=0)
        ix.add(X, threads=1)  # one thread: the same links, and so the same picture, every time
        efs, recalls, costs = [10, 16, 24, 40, 64, 100, 160, 256, 400], [], []
        for ef in efs:
            r = ix.search(Q, k=10, ef_search=ef, plan="graph", counters=True)
            hits = sum(len(np.intersect1d(a, b)) for a, b in zip(r.ids, truth, strict=True))
            recalls.append(hits / truth.size)
            costs.append(float(np.mean(r.counters.distance_evaluations)))
        left.plot(efs, recalls, "o-", ms=4, color=colour, label=f"M = {M}")
        right.plot(costs, recalls, "o-", ms=4, color=colour, label=f"M = {M}")
    for ax, label in ((left, "ef_search"), (right, "distances evaluated per query")):
        ax.set_xscale("log")
        ax.set_xlabel(label)
        ax.set_ylabel("recall@10")
        ax.grid(alpha=0.25)
    right.axvline(len(X), color=QUERY, lw=1, ls=(0, (3, 3)))
    right.text(len(X) * 0.93, right.get_ylim()[0], "brute force ", color=QUERY, rotation=90,
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
    "knobs-measured": knobs_measured,
}


def draw(folder: Path, names: list[str] | None = None, suffix: str = ".svg") -> list[Path]:
    """Draw the named figures, or all, into a folder; returns the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with plt.rc_context(LOOK):
        for name in names or list(FIGURES):
            fig = FIGURES[name]()
            path = folder / f"{name}{suffix}"
            metadata = {"Date": None} if suffix == ".svg" else None
            fig.savefig(path, metadata=metadata, dpi=150)
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
