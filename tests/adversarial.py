"""Data that bounds could be wrong about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from support import make_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal import SearchResult

KINDS = ("clusters", "grid", "far", "norms", "line", "copies", "shells", "hairs", "sizes", "rare")


def adversarial(kind: str, scale: float, n: int, dim: int, seed: int) -> NDArray[np.float32]:
    """Rows of one of the `KINDS`, of about the length ``scale``."""
    rng = np.random.default_rng(seed)
    if kind == "clusters":
        rows = make_rows(rng, "f32", n, dim)
    elif kind == "grid":  # equal distances by the dozen
        rows = rng.integers(-2, 3, size=(n, dim)).astype(np.float32)
    elif kind == "far":  # a cloud so far from the origin that float32 hardly tells its points apart
        rows = (1e4 * rng.normal(size=dim) + rng.normal(size=(n, dim)) * 1e-2).astype(np.float32)
    elif kind == "norms":  # some rows a million times longer than others
        rows = rng.normal(size=(n, dim)) * np.exp(rng.uniform(-7, 7, size=(n, 1)))
    elif kind == "line":  # one direction only
        rows = rng.normal(size=(n, 1)) * rng.normal(size=dim)
    elif kind == "copies":
        rows = rng.normal(size=(3, dim))[rng.integers(3, size=n)]
    elif kind == "hairs":  # rows that differ in the last bit of a component or two
        rows = rng.normal(size=(5, dim)).astype(np.float32)[rng.integers(5, size=n)]
        for _ in range(2):
            places = np.arange(n), rng.integers(dim, size=n)
            rows[places] = np.nextafter(
                rows[places], rng.choice([-9, 9], size=n).astype(np.float32)
            )
    elif kind == "sizes":  # components of any size
        rows = rng.normal(size=(n, dim)) * 10.0 ** rng.uniform(-20, 0, size=(n, dim))
    elif kind == "rare":  # mostly zeros
        rows = rng.normal(size=(n, dim)) * (rng.random(size=(n, dim)) < 2 / dim)
    else:  # shells: nearly equal distances from the middle
        rows = rng.normal(size=(n, dim))
        rows *= (1 + 1e-6 * rng.normal(size=(n, 1))) / np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows * scale).astype(np.float32)


def slack(metric: str, queries: NDArray[Any], rows: NDArray[Any]) -> NDArray[np.float64]:
    """What a distance of each query in float64 may be off by, besides its 53 bits."""
    off = np.full(len(queries), 1.5e-45)  # the least float32
    if metric == "cosine":
        off += 1e-15 * rows.shape[1]
    if metric == "ip":
        longest = np.linalg.norm(rows.astype(float), axis=1).max(initial=0.0)
        off += 1e-14 * longest * np.linalg.norm(queries.astype(float), axis=1)
    return off


def check_proofs(
    found: SearchResult, truth: NDArray[np.float64], off: NDArray[np.float64], epsilon: float
) -> None:
    """Hold what is proven of each query against its distances to all rows in float64.

    Parameters
    ----------
    found : SearchResult
        Of a search with ``guarantee=epsilon``; its ids are columns of ``truth``.
    truth : ndarray of float64, shape (m, n)
    off : ndarray of float64, shape (m,)
        What float64 loses: `slack`.
    epsilon : float
    """
    certified, proven = np.asarray(found.certified), np.asarray(found.epsilon)
    most = min(found.ids.shape[1], truth.shape[1])
    ids, distances = found.ids[:, :most], found.distances[:, :most]
    assert np.all(found.counts == most)
    assert np.all(proven[certified] <= epsilon)
    true = np.sort(truth, axis=1)[:, :most]
    # One rounding to float32 of what was measured, and what float64 itself loses.
    hair = 1.2e-7 * np.abs(true) + off[:, None]
    theirs = np.take_along_axis(truth, ids, axis=1)
    assert np.all(np.abs(distances - theirs) <= 1.2e-7 * np.abs(theirs) + off[:, None])
    some = np.isfinite(proven)
    assert np.all(distances[some] <= (1 + proven[some, None]) * true[some] + hair[some])
    exact = certified & (proven == 0)
    assert np.all(np.abs(distances[exact] - true[exact]) <= hair[exact])
