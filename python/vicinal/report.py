"""What an index says of itself: its shape (`Stats`), its health (`Report`), and its tidying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vicinal.plots import Axis, Panel, Plot, Series
from vicinal.plots.drawn import Drawn
from vicinal.plots.look import BLUE, OWN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Stats(Drawn):
    """The shape of an index.

    `plot` draws the nodes of each layer, and how many links they have.

    Attributes
    ----------
    count : int
        Vectors held.
    nodes_per_layer : ndarray of int64, shape (layers,)
        Nodes on each layer, layer 0 first; copies of a vector count once. By the law of the levels
        a layer has about 1/M of the nodes of the one below (Malkov & Yashunin, Algorithm 1 line 4).
    degree_histogram : list of ndarray of int64
        For each layer, how many nodes have 0, 1, 2, … links; at most 2M on layer 0, M above.
    live, dead, free : int
        Slots: with a vector; with a removed one that links may still lead to; with nothing, for
        vectors to come. A vector that equals a removed one keeps the slot of that one too.
    loose_parts : int
        Parts of the graph that the edges of its spanning tree do not tie to the rest, counted and
        not walked: 0, or `verify` will tell of unreachable vectors.
    bytes : dict of str to int
        Memory held, by part, in bytes; that of dead and free slots included, until `Index.compact`
        gives it back.
    bytes_per_vector : float
        All of it, divided by `count`; 0.0 for an empty index.
    entry_point : int or None
        The id at which every search starts.
    """

    count: int
    nodes_per_layer: NDArray[np.int64]
    degree_histogram: list[NDArray[np.int64]]
    bytes: dict[str, int]
    live: int
    dead: int
    free: int
    loose_parts: int
    entry_point: int | None

    @property
    def bytes_per_vector(self) -> float:
        """Memory held, divided by the number of vectors."""
        return sum(self.bytes.values()) / self.count if self.count else 0.0

    def _drawn(self) -> Plot:
        histograms = [
            _degrees(layer, counts)
            for layer, counts in enumerate(self.degree_histogram)
            if counts.sum() > 1  # one node has nobody to link to
        ]
        return Plot(
            "Layers and links",
            [_layers(self.nodes_per_layer), *histograms],
            f"{self.count:,} vectors, {self.bytes_per_vector:,.0f} bytes each with their links. "
            "Copies of a vector count as one node.",
            columns=3,
            size=(4.4, 3.2),
        )


def _layers(nodes: NDArray[np.int64]) -> Panel:
    """Nodes of each layer, on a logarithmic axis: by the law of the levels a straight stair."""
    counts = [int(count) for count in nodes]
    bars = Series(
        "nodes",
        list(range(len(counts))),
        counts,
        OWN,
        "bars",
        texts=[f"{count:,}" for count in counts],
    )
    ticks = [(float(layer), str(layer)) for layer in range(len(counts))]
    most = max(counts, default=1)
    return Panel(
        "Nodes of each layer",
        Axis("layer", ticks=ticks),
        Axis("nodes", "log", limits=(0.5, 4.0 * most)),
        [bars],
    )


def _degrees(layer: int, histogram: NDArray[np.int64]) -> Panel:
    counts = [int(count) for count in histogram]
    nodes = sum(counts)
    links = sum(degree * count for degree, count in enumerate(counts))
    bars = Series("nodes", list(range(len(counts))), counts, BLUE, "bars")
    return Panel(
        f"Layer {layer}: {links / nodes if nodes else 0.0:.1f} links a node",
        Axis("links of a node"),
        Axis("nodes"),
        [bars],
    )


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What a check of the whole graph found.

    Attributes
    ----------
    reachable : int
        Vectors that a walk from the entry point, over the links that search uses, arrives at.
    unreachable : ndarray of int64, shape (n,)
        Ids of the others.
    links : int
        Links of layer 0.
    one_way_links : int
        Those whose far end does not link back. Not an error: Algorithm 1 shrinks the list of one
        end without asking the other.
    unreturned_links : int
        One-way links whose far end has room for a link back. Pruning takes links only from full
        lists, so there are none as long as nothing is removed; removals leave a few in a hundred.
        More than a quarter, in 1,000 nodes or more, is damage: it is told of in `broken`.
    dangling_links : int
        Links of layer 0 to removed vectors. They are walked, and replaced as the graph is swept:
        by the removals that follow, or by `Index.compact`.
    duplicates : int
        Vectors that equal another one, and are found through it.
    broken : list of str
        Contradictions: a link to nothing or to itself, a node with too many links, …
    mended : list of str
        What `repair=True` or `Index.salvage` put right before, in words.
    """

    reachable: int
    unreachable: NDArray[np.int64]
    links: int
    one_way_links: int
    unreturned_links: int
    dangling_links: int
    duplicates: int
    broken: list[str]
    mended: list[str]

    @property
    def ok(self) -> bool:
        """Whether every vector is reachable and nothing is broken."""
        return not self.broken and not len(self.unreachable)


@dataclass(frozen=True, slots=True)
class Compacted:
    """What `Index.compact` did.

    Attributes
    ----------
    mended : int
        Links to removed vectors that were replaced.
    freed : int
        Slots of removed vectors that became free.
    moved : int
        Vectors that moved into free slots, so that the memory behind them could go back.
    """

    mended: int
    freed: int
    moved: int
