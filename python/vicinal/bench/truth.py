"""Exact neighbours in double precision, and recall that counts ties right.

The measure of everything must not depend on what is measured, so nothing here uses an index or
float32 arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from pathlib import Path

Vectors = npt.NDArray[Any]
Distances = npt.NDArray[np.float64]

METRICS = ("l2", "cosine", "ip")

# float32 cannot tell distances apart that are closer than this, relative to their size.
_TOLERANCE = 1e-6
_BLOCK_ROWS = 1 << 16
_BLOCK_BYTES = 128 << 20


@dataclass(frozen=True)
class Truth:
    """The exact answers to a set of queries.

    Attributes
    ----------
    ids
        Row numbers of the nearest, shape (queries, k), nearest first.
    distances
        Their distances: squared for l2, 1 - cos for cosine, minus the product for ip.
    """

    ids: npt.NDArray[np.int64]
    distances: Distances

    def save(self, path: Path) -> None:
        """Write to an .npz file."""
        np.savez(path, ids=self.ids, distances=self.distances)

    @classmethod
    def load(cls, path: Path) -> Truth:
        """Read what `save` wrote."""
        with np.load(path) as held:
            return cls(held["ids"], held["distances"])


def exact(base: Vectors, queries: Vectors, k: int, metric: str) -> Truth:
    """Find the `k` nearest rows of `base` for each query, in double precision.

    A matrix product ranks the rows, blockwise; the distances of a few more than `k` are then
    worked out directly, so that cancellation in the product cannot change the answer.
    """
    k = min(k, len(base))
    spare = min(len(base), k + 16)
    step = max(1, _BLOCK_BYTES // (8 * min(len(base), _BLOCK_ROWS)))
    ids = np.empty((len(queries), k), np.int64)
    distances = np.empty((len(queries), k))
    for start in range(0, len(queries), step):
        Q = _double(queries[start : start + step], metric)
        near = _candidates(base, Q, spare, metric)
        exactly = _direct(base, Q, near, metric)
        order = np.lexsort((near, exactly), axis=1)[:, :k]
        ids[start : start + len(Q)] = np.take_along_axis(near, order, 1)
        distances[start : start + len(Q)] = np.take_along_axis(exactly, order, 1)
    return Truth(ids, distances)


def recall(
    base: Vectors, queries: Vectors, found: npt.NDArray[np.int64], truth: Truth, metric: str
) -> npt.NDArray[np.int64]:
    """Count how many of each query's answers are right.

    An answer is right if it is no farther than the k-th nearest: of rows at the same distance any
    is as good as the other. An id given twice counts once, an id that names no row never.

    Returns
    -------
    ndarray of int64, shape (queries,)
        Right answers, at most k.
    """
    k = truth.ids.shape[1]
    found = np.sort(found[:, :k], axis=1)
    valid = (found >= 0) & (found < len(base))
    valid[:, 1:] &= found[:, 1:] != found[:, :-1]
    # Integers are exact in double precision: there, a tie is a tie.
    integers = base.dtype.kind in "ui" and queries.dtype.kind in "ui" and metric != "cosine"
    kth = truth.distances[:, -1:]
    limit = kth if integers else kth + _TOLERANCE * np.maximum(np.abs(kth), _floor(metric))
    right = np.empty(found.shape, bool)
    for rows in np.array_split(np.arange(len(queries)), -(-len(queries) // 512)):
        Q = _double(queries[rows], metric)
        near = np.where(valid[rows], found[rows], 0)
        right[rows] = _direct(base, Q, near, metric) <= limit[rows]
    counted: npt.NDArray[np.int64] = np.count_nonzero(right & valid, axis=1)
    return counted


def _floor(metric: str) -> float:
    # 1 - cos of unit vectors is off by a rounding of 1, however near they are.
    return 1.0 if metric == "cosine" else 0.0


def _double(X: Vectors, metric: str) -> Distances:
    doubles: Distances = X.astype(np.float64)
    if metric == "cosine":
        doubles /= np.linalg.norm(doubles, axis=1, keepdims=True)
    return doubles


def _candidates(base: Vectors, Q: Distances, count: int, metric: str) -> npt.NDArray[np.int64]:
    """Return the ids of the `count` nearest by the matrix product, in no order."""
    # Differences are the same from wherever one looks, and keep their digits near the middle.
    middle = _double(base[:_BLOCK_ROWS], metric).mean(axis=0) if metric == "l2" else 0.0
    Q = Q - middle
    best_ids = np.empty((len(Q), 0), np.int64)
    best = np.empty((len(Q), 0))
    for start in range(0, len(base), _BLOCK_ROWS):
        X = _double(base[start : start + _BLOCK_ROWS], metric) - middle
        block = Q @ X.T
        if metric == "l2":  # |q - x|^2 but for |q|^2, which ranks nothing
            block *= -2
            block += np.einsum("ij,ij->i", X, X)
        else:
            np.negative(block, out=block)
        keep = min(count, block.shape[1])
        chosen = np.argpartition(block, keep - 1, axis=1)[:, :keep]
        best_ids = np.concatenate([best_ids, chosen + start], axis=1)
        best = np.concatenate([best, np.take_along_axis(block, chosen, 1)], axis=1)
        keep = min(count, best.shape[1])
        chosen = np.argpartition(best, keep - 1, axis=1)[:, :keep]
        best_ids = np.take_along_axis(best_ids, chosen, 1)
        best = np.take_along_axis(best, chosen, 1)
    return best_ids


def _direct(base: Vectors, Q: Distances, ids: npt.NDArray[np.int64], metric: str) -> Distances:
    """Return the distance of each query to each of its rows, by the definition."""
    X = _double(base[ids.reshape(-1)], metric).reshape(*ids.shape, -1)
    if metric == "l2":
        difference = X - Q[:, np.newaxis]
        squared: Distances = np.einsum("qkd,qkd->qk", difference, difference)
        return squared
    product: Distances = np.einsum("qkd,qd->qk", X, Q)
    return 1 - product if metric == "cosine" else -product
