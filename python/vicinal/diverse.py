"""Other answers than the k nearest: diverse ones, and the best of each group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks
from vicinal._native import knn
from vicinal.errors import InvalidInputError, InvalidTypeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vicinal.result import SearchResult

    #: Asks again for so many neighbours.
    Ask = Callable[[int], SearchResult]

#: Candidates for each of k places of a diverse answer, and of an answer of one a group at first.
CANDIDATES = 4


def mmr_share(value: Any) -> float:
    """``mmr`` as a number from 0 to 1."""
    share = checks.number("mmr", value)
    if not 0.0 <= share <= 1.0:
        raise InvalidInputError(f"mmr must be from 0 (nearest) to 1 (most diverse), not {share:g}")
    return share


def group_codes(labels: Any, largest: int) -> NDArray[np.int64]:
    """``group_by`` as a whole number for each id up to the largest."""
    array = np.asarray(labels)
    if array.ndim != 1:
        raise InvalidInputError(
            f"group_by has one dimension, labels[id], not the shape {array.shape}"
        )
    if array.dtype.kind not in "iubUS":
        raise InvalidTypeError(
            f"group_by must be labels of integers, bools or strings, not of {array.dtype.name}"
        )
    if len(array) <= largest:
        raise InvalidInputError(
            f"group_by has {len(array):,} labels, but the largest id is {largest:,}; it needs one "
            "for each id, labels[id]"
        )
    codes: NDArray[np.int64] = np.unique(array, return_inverse=True)[1].astype(np.int64)
    return codes


def diversified(
    found: SearchResult,
    k: int,
    share: float,
    vectors: Callable[[NDArray[np.int64]], NDArray[Any]],
    space: tuple[int, str, str],
) -> list[NDArray[np.int64]]:
    """Choose k places of each query's candidates by maximal marginal relevance.

    The next one chosen is the least by ``(1 - share) * d(query, x) - share * d(x, nearest chosen)``
    (J. Carbonell, J. Goldstein, "The use of MMR", 1998, in distances instead of similarities).
    """
    dim, metric, dtype = space
    dtype = {"bf16": "f32"}.get(dtype, dtype)  # as which it is given back
    chosen = []
    ids, far = np.atleast_2d(found.ids), np.atleast_2d(found.distances).astype(np.float64)
    for row, count in enumerate(np.atleast_1d(found.counts).tolist()):
        if count <= 1 or share == 0.0:
            chosen.append(np.arange(min(k, count)))
            continue
        rows = vectors(ids[row, :count])
        queries = rows.astype(np.float32) if dtype == "f16" else rows
        near, measured, _, _ = knn(rows, queries, dim, metric, dtype, count, 1)
        between = np.empty((count, count))
        np.put_along_axis(between, near, measured.astype(np.float64), axis=1)
        places = [0]
        nearest = between[:, 0].copy()
        for _ in range(min(k, count) - 1):
            value = (1 - share) * far[row, :count] - share * nearest
            value[places] = np.inf
            places.append(int(value.argmin()))
            nearest = np.minimum(nearest, between[:, places[-1]])
        chosen.append(np.array(places))
    return chosen


def pool(k: int, vectors: int) -> int:
    """How many neighbours k are chosen from, of an index of so many vectors."""
    return max(1, min(CANDIDATES * k, vectors))


def best_of_groups(ask: Ask, k: int, codes: NDArray[np.int64], vectors: int) -> SearchResult:
    """Ask for ever more neighbours until each query has k groups, or there are no more."""
    groups = len(np.unique(codes)) if len(codes) else 0
    wanted = pool(k, vectors)
    while True:
        found = ask(wanted)
        ids, counts = np.atleast_2d(found.ids), np.atleast_1d(found.counts)
        places = [
            np.sort(np.unique(codes[row[:count]], return_index=True)[1])[:k]
            for row, count in zip(ids, counts.tolist(), strict=True)
        ]
        enough = min(k, groups)
        short = [len(p) < enough and c == wanted for p, c in zip(places, counts, strict=True)]
        if wanted >= vectors or not any(short):
            return picked(found, places, k)
        wanted = min(vectors, 4 * wanted)


def picked(found: SearchResult, places: list[NDArray[np.int64]], k: int) -> SearchResult:
    """Keep those places of each query's answer, in that order."""
    ids, distances = np.atleast_2d(found.ids), np.atleast_2d(found.distances)
    kept = np.full((len(ids), k), -1, np.int64)
    far = np.full((len(ids), k), np.inf, np.float32)
    for row, chosen in enumerate(places):
        kept[row, : len(chosen)] = ids[row, chosen]
        far[row, : len(chosen)] = distances[row, chosen]
    counts = np.array([len(chosen) for chosen in places], np.int64)
    if found.ids.ndim == 1:
        found.ids, found.distances, found.counts = kept[0], far[0], int(counts[0])
    else:
        found.ids, found.distances, found.counts = kept, far, counts
    return found
