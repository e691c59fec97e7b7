"""Places on the map: two numbers for each vector, so that near is near as far as that goes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from vicinal.errors import MissingExtraError
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

LAYOUTS = ("auto", "pca", "umap")


class Placed(Protocol):
    """What is asked of an index."""

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
) -> tuple[NDArray[np.float32], str]:
    """Place the vectors of some ids.

    Returns
    -------
    ndarray of float32, shape (n, 2)
        Within -1 to 1.
    str
        "umap" or "pca".

    Raises
    ------
    MissingExtraError
        ``layout="umap"`` without umap-learn.
    """
    flat = _pca(index, ids, seed)
    if layout == "pca" or len(ids) <= NEIGHBORS:
        return _fit(flat), "pca"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what it does not find either
            from umap import UMAP
    except ImportError as error:
        if layout == "auto":
            return _fit(flat), "pca"
        raise MissingExtraError(
            "layout='umap' needs umap-learn: pip install 'vicinal[umap]'"
        ) from error
    return _fit(_umap(index, ids, flat, seed, UMAP)), "umap"


def _vectors(index: Placed, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Vectors as numbers; of equal length where length does not count."""
    rows = index.get(ids)
    if index.dtype == "bits":
        rows = np.unpackbits(rows, axis=1, count=index.dim)
    values = rows.astype(np.float32)
    if index.metric == "cosine":
        values /= np.linalg.norm(values, axis=1, keepdims=True)
    return values


def _pca(index: Placed, ids: NDArray[np.int64], seed: int) -> NDArray[np.float32]:
    """Project on the two directions in which a sample varies most, by subspace iteration."""
    rng = np.random.default_rng(seed)
    step = max(1, BLOCK // index.dim)
    if len(ids) == 0:
        return np.zeros((0, 2), np.float32)
    sample = _vectors(index, rng.permutation(ids)[: min(step, 20_000)])
    mean = sample.mean(axis=0)
    sample -= mean
    axes = rng.normal(size=(index.dim, 2)).astype(np.float32)
    for _ in range(ROUNDS):
        axes, _ = np.linalg.qr(sample.T @ (sample @ axes))
    # Which way an axis points is chance; the largest weight shall point up and right.
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), range(axes.shape[1])])
    placed = np.zeros((len(ids), 2), np.float32)
    for start in range(0, len(ids), step):
        block = _vectors(index, ids[start : start + step]) - mean
        placed[start : start + step, : axes.shape[1]] = block @ axes
    return placed


def _umap(
    index: Placed, ids: NDArray[np.int64], flat: NDArray[np.float32], seed: int, method: Any
) -> NDArray[np.float32]:
    """Lay out the graph of nearest neighbours, found by the index, from where PCA put them."""
    places = {int(number): place for place, number in enumerate(ids)}
    shown = IdSet(ids)
    near = np.zeros((len(ids), NEIGHBORS), np.int64)
    apart = np.zeros((len(ids), NEIGHBORS), np.float32)
    step = max(1, BLOCK // index.dim)
    for start in range(0, len(ids), step):
        chunk = ids[start : start + step]
        found = index.search(index.get(chunk), NEIGHBORS, filter=shown)
        near[start : start + step] = [[places[int(i)] for i in row] for row in found.ids]
        apart[start : start + step] = found.distances
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
