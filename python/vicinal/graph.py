"""The graph of an index as arrays, for those who draw or analyse it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class GraphLayer:
    """The links of one layer, in the manner of a sparse matrix.

    Attributes
    ----------
    nodes : ndarray of uint32, shape (n,)
        Places of the layer's nodes, ascending.
    offsets : ndarray of uint64, shape (n + 1,)
        The links of ``nodes[i]`` are ``neighbors[offsets[i]:offsets[i + 1]]``.
    neighbors : ndarray of uint32
        Places of the neighbours.
    """

    nodes: NDArray[np.uint32]
    offsets: NDArray[np.uint64]
    neighbors: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """All nodes and links, by place: the order in which vectors were added.

    Attributes
    ----------
    ids : ndarray of int64, shape (count,)
        The id of each place.
    levels : ndarray of uint8, shape (count,)
        The highest layer that each node is on.
    nodes : ndarray of uint32, shape (count,)
        The place of the node that stands for each vector: its own, or that of an equal vector, on
        which it hangs.
    layers : list of GraphLayer
        Layer 0 first; none where the index is empty.
    """

    ids: NDArray[np.int64]
    levels: NDArray[np.uint8]
    nodes: NDArray[np.uint32]
    layers: list[GraphLayer]
