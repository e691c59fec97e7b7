"""The links that a page holds: between what it shows, each once, and no more than it can draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.map.packing import packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal.graph import GraphLayer

#: Links of a layer that the page holds; where there are more, some drawn by chance.
MOST_LINKS = 300_000
#: Links looked at together.
BLOCK = 1 << 20


def links(layer: GraphLayer, shown: NDArray[np.int64], n: int, seed: int) -> dict[str, Any]:
    """The links of a layer between shown vectors, as pairs of places on the map.

    Parameters
    ----------
    layer : GraphLayer
    shown : ndarray of int64
        The places in the graph of what the map shows, rising.
    n : int
        Vectors of the graph.
    seed : int
        Of the sample, where there are too many.

    Returns
    -------
    dict
        "links", how many there are, each counted once; "held", how many of them the page has; and
        "pairs", these.
    """
    place = np.full(n, -1, np.int32)
    place[shown] = np.arange(len(shown), dtype=np.int32)
    count = max(1, len(shown))
    offsets = layer.offsets.astype(np.int64)
    own = place[layer.nodes]
    parts: list[NDArray[np.int64]] = []
    start = 0
    while start < len(own):
        # As many nodes as have a block of links, and at least one.
        stop = max(start + 1, int(np.searchsorted(offsets, offsets[start] + BLOCK, "right")) - 1)
        near = place[layer.neighbors[offsets[start] : offsets[stop]]].astype(np.int64)
        mine = np.repeat(own[start:stop], np.diff(offsets[start : stop + 1])).astype(np.int64)
        both = (near >= 0) & (mine >= 0)
        near, mine = near[both], mine[both]
        parts.append(np.unique(np.minimum(near, mine) * count + np.maximum(near, mine)))
        start = stop
    keys = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    del parts
    keys.sort()  # links of both directions, once
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
    held = keys
    if len(keys) > MOST_LINKS:
        held = np.random.default_rng(seed).choice(keys, MOST_LINKS, replace=False, shuffle=False)
    pairs = np.stack([held // count, held % count], axis=1)
    return {"links": len(keys), "held": len(held), "pairs": packed(pairs, np.uint32)}
