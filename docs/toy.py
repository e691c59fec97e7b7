"""A hierarchical small world on the plane, small enough to draw.

The pictures of the concept page need what the engine keeps to itself: who links to whom, and
which points a search touched on its way. So the same ideas stand here once more in a few lines of
numpy, with every point seen by every other; the engine itself is `crates/core/src/hnsw`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Walk:
    """One greedy search on one layer: where it stood, and every point it measured."""

    path: list[int]
    measured: list[int]


def distances(points: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Euclidean distances of all points, shape (n,), to one place, shape (2,)."""
    return np.linalg.norm(points - to, axis=1)


def draw_levels(n: int, M: int, rng: np.random.Generator) -> np.ndarray:
    """Levels by the paper's law, floor(-ln(U) / ln(M)): P(level >= l) = M**-l."""
    return np.floor(-np.log(1.0 - rng.random(n)) / np.log(M)).astype(int)


def nearest(points: np.ndarray, node: int, members: np.ndarray, M: int) -> list[int]:
    """The M members nearest to a node: the naive choice of neighbours."""
    order = members[np.argsort(distances(points[members], points[node]))]
    return [int(c) for c in order if c != node][:M]


def diverse(points: np.ndarray, node: int, members: np.ndarray, M: int) -> list[int]:
    """Algorithm 4: take a candidate only if it is nearer to the node than to any already taken."""
    chosen: list[int] = []
    for candidate in nearest(points, node, members, len(members)):
        to_node = np.linalg.norm(points[candidate] - points[node])
        if all(np.linalg.norm(points[candidate] - points[c]) > to_node for c in chosen):
            chosen.append(candidate)
        if len(chosen) == M:
            break
    return chosen


def link(points: np.ndarray, members: np.ndarray, M: int) -> dict[int, set[int]]:
    """The links of one layer: each member's diverse neighbours, in both directions."""
    links: dict[int, set[int]] = {int(node): set() for node in members}
    for node in links:
        for other in diverse(points, node, members, M):
            links[node].add(other)
            links[other].add(node)
    return links


def walk(points: np.ndarray, links: dict[int, set[int]], start: int, to: np.ndarray) -> Walk:
    """Greedy search: step to the neighbour nearest to the query until none is nearer."""
    here, path, measured = start, [start], [start]
    while True:
        fresh = [n for n in sorted(links[here]) if n not in measured]
        measured += fresh
        best = min(links[here], key=lambda n: np.linalg.norm(points[n] - to), default=here)
        if np.linalg.norm(points[best] - to) >= np.linalg.norm(points[here] - to):
            return Walk(path, measured)
        here = best
        path.append(here)
