"""Places on the map: two numbers for each vector, so that near is near as far as that goes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vicinal.errors import MissingExtraError, NotFoundError
from vicinal.idset import IdSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from vicinal.result import SearchResult

#: Components read at a time; the plane of PCA is found from a sample of so many, too.
BLOCK = 1 << 24
#: Rounds of subspace iteration: the plane need not be exact to be a good map.
ROUNDS = 12
#: Neighbours that UMAP is given, the vector itself included.
NEIGHBORS = 16
#: Vectors that "auto" leaves to UMAP, which takes minutes for more.
UMAP_AT_MOST = 20_000

LAYOUTS = ("auto", "pca", "umap")


class Places:
    """Where each of some ids stands in their order.

    Parameters
    ----------
    ids : ndarray of int64, shape (n,)
    """

    def __init__(self, ids: NDArray[np.int64]) -> None:
        self._order = np.argsort(ids, kind="stable")
        self._sorted = ids[self._order]

    def of(self, ids: ArrayLike) -> NDArray[np.int64]:
        """The place of each id, -1 of those that are not there; of the shape of ``ids``."""
        asked = np.asarray(ids, np.int64)
        if len(self._sorted) == 0:
            return np.full(asked.shape, -1, np.int64)
        at = np.minimum(np.searchsorted(self._sorted, asked), len(self._sorted) - 1)
        return np.where(self._sorted[at] == asked, self._order[at], -1)


class Placed(Protocol):
    """What is asked of an index."""

    def __contains__(self, value: object) -> bool: ...

    @property
    def dim(self) -> int:
        """Components of a vector."""

    @property
    def metric(self) -> str:
        """What near means."""

    @property
    def dtype(self) -> str:
        """How vectors are stored."""

    @property
    def get(self) -> Callable[[ArrayLike], NDArray[Any]]:
        """Gives back vectors."""

    @property
    def search(self) -> Callable[..., SearchResult]:
        """Finds."""


def positions(
    index: Placed, ids: NDArray[np.int64], layout: str, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], str]:
    """Place the vectors of some ids.

    Returns
    -------
    ndarray of float32, shape (m, 2)
        Within -1 to 1, of those that there still are.
    ndarray of bool, shape (n,)
        Which of the ids these are: the others were removed meanwhile.
    str
        "umap" or "pca".

    Raises
    ------
    MissingExtraError
        ``layout="umap"`` without umap-learn.
    """
    flat, there = _pca(index, ids, seed)
    few, many = len(flat) <= NEIGHBORS, len(flat) > UMAP_AT_MOST
    if layout == "pca" or few or (many and layout == "auto"):
        return _fit(flat), there, "pca"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it does not find either
            from umap import UMAP
    except ImportError as error:
        if layout == "auto":
            return _fit(flat), there, "pca"
        raise MissingExtraError(
            "layout='umap' needs umap-learn: pip install 'vicinal[umap]'"
        ) from error
    return _fit(_umap(index, ids[there], flat, seed, UMAP)), there, "umap"


def _held(index: Placed, ids: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The vectors of those ids that there still are, and which these are."""
    try:
        return index.get(ids), np.ones(len(ids), bool)
    except NotFoundError:
        there = np.array([number in index for number in ids.tolist()], bool)
    rows, still = _held(index, ids[there])
    there[there] = still
    return rows, there


def _numbers(index: Placed, rows: NDArray[Any]) -> NDArray[np.float32]:
    """Vectors as numbers; of equal length where length does not count."""
    if index.dtype == "bits":
        rows = np.unpackbits(rows, axis=1, count=index.dim)
    values = rows.astype(np.float32)
    if index.metric == "cosine":
        values /= np.linalg.norm(values, axis=1, keepdims=True)
    return values


def _pca(
    index: Placed, ids: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Project on the two directions in which a sample varies most, by subspace iteration."""
    rng = np.random.default_rng(seed)
    step = max(1, BLOCK // index.dim)
    there = np.ones(len(ids), bool)
    drawn, _ = _held(index, rng.permutation(ids)[: min(step, 20_000)])
    if len(drawn) == 0:
        return np.zeros((0, 2), np.float32), ~there
    sample = _numbers(index, drawn)
    mean = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = np.abs(sample).max() or np.float32(1)  # squares of what is large are too large
    sample = sample / scale - mean / scale
    axes = rng.normal(size=(index.dim, 2)).astype(np.float32)
    for _ in range(ROUNDS):
        axes, _ = np.linalg.qr(sample.T @ (sample @ axes))
    # Which way an axis points is chance; the largest weight shall point up and right.
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), range(axes.shape[1])])
    placed = np.zeros((len(ids), 2), np.float32)
    for start in range(0, len(ids), step):
        part = slice(start, start + step)
        rows, there[part] = _held(index, ids[part])
        held = start + np.flatnonzero(there[part])
        placed[held, : axes.shape[1]] = (_numbers(index, rows) / scale - mean / scale) @ axes
    return placed[there], there


def _umap(
    index: Placed, ids: NDArray[np.int64], flat: NDArray[np.float32], seed: int, method: Any
) -> NDArray[np.float32]:
    """Lay out the graph of nearest neighbours, found by the index, from where PCA put them."""
    places, shown = Places(ids), IdSet(ids)
    # What is removed meanwhile, or not found, is replaced by the vector itself.
    near = np.repeat(np.arange(len(ids)), NEIGHBORS).reshape(-1, NEIGHBORS)
    apart = np.zeros((len(ids), NEIGHBORS), np.float32)
    step = max(1, BLOCK // index.dim)
    for start in range(0, len(ids), step):
        rows, there = _held(index, ids[start : start + step])
        own = start + np.flatnonzero(there)
        found = index.search(rows, NEIGHBORS, filter=shown, missing="ignore")
        at = places.of(found.ids)
        near[own] = np.where(at >= 0, at, near[own])
        apart[own] = np.where(at >= 0, found.distances, 0)
    apart -= min(0.0, float(apart.min()))  # inner products turned round may be negative
    scale = np.abs(flat).max() or 1.0
    with warnings.catch_warnings():
        # That later points can't be placed by it: none will be.
        warnings.filterwarnings("ignore", module="umap")
        made = method(
            n_neighbors=NEIGHBORS,
            precomputed_knn=(near, apart, None),
            init=10 * flat / scale,
            random_state=seed,
            n_jobs=1,
        )
        return np.asarray(made.fit_transform(flat), np.float32)


def _fit(placed: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale to -1 … 1, the same both ways."""
    if len(placed) == 0:
        return placed
    low, high = placed.min(axis=0), placed.max(axis=0)
    span = float((high - low).max())
    fitted = (placed - (low + high) / 2) / (span / 2 if span > 0 else 1.0)
    return np.asarray(fitted, np.float32)
