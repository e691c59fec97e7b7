"""Data, and what the engine should have said of it, for the tests of every folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.distance import cdist

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Whether tests are to take their time: `make soak`.
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"

NUMBERS = ("f32", "f16", "bf16", "i8", "u8")
METRICS = ("l2", "sqeuclidean", "cosine", "ip")

#: Every metric with every dtype it goes with.
SPACES = [(metric, dtype) for metric in METRICS for dtype in NUMBERS]
SPACES += [("hamming", "bits"), ("jaccard", "bits")]


def fast(metric: str, dtype: str) -> bool:
    """Whether the layout "fast" is for these."""
    return metric in ("l2", "sqeuclidean", "cosine") and dtype != "bits"


#: Every metric, dtype and layout that go together.
CASES = [(m, d, "compact") for m, d in SPACES] + [(m, d, "fast") for m, d in SPACES if fast(m, d)]


def make_rows(rng: np.random.Generator, dtype: str, n: int, dim: int) -> NDArray[Any]:
    """Rows that lie in clusters, in a dtype that needs no conversion but bf16's and the bits'."""
    centers = rng.normal(size=(max(1, n // 50), dim))
    values = centers[rng.integers(len(centers), size=n)] + 0.5 * rng.normal(size=(n, dim))
    if dtype == "bits":
        return values > 0
    if dtype in ("i8", "u8"):
        low, high, kind = (-128, 127, np.int8) if dtype == "i8" else (0, 255, np.uint8)
        middle = 0 if dtype == "i8" else 128
        return np.clip(values * 25 + middle, low, high).astype(kind)
    return values.astype(np.float16 if dtype == "f16" else np.float32)


def as_stored(rows: NDArray[Any], dtype: str) -> NDArray[np.float64]:
    """The values that the engine keeps of ``rows``, exactly."""
    if dtype == "bf16":
        bits = rows.astype(np.float32).view(np.uint32).astype(np.uint64)
        high = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
        return high.astype(np.uint32).view(np.float32).astype(np.float64)
    return rows.astype(np.float64)


def distances(
    metric: str, dtype: str, queries: NDArray[Any], rows: NDArray[Any]
) -> NDArray[np.float64]:
    """Every query's distance to every row, by scipy."""
    if dtype == "bits":
        measured = cdist(queries.astype(bool), rows.astype(bool), metric)
    elif metric == "ip":
        measured = -(queries.astype(np.float64) @ as_stored(rows, dtype).T)
    else:
        name = {"l2": "euclidean"}.get(metric, metric)
        measured = cdist(queries.astype(np.float64), as_stored(rows, dtype), name)
    return np.asarray(measured, np.float64)


def recall(found: NDArray[np.int64], truth: NDArray[np.float64], k: int) -> float:
    """The share of ids in ``found`` (row numbers) that are no farther than the true k-th."""
    kth = np.sort(truth, axis=1)[:, k - 1 : k]
    near = np.take_along_axis(truth, found, axis=1) <= kth + 1e-6 * np.abs(kth) + 1e-7
    return float(near[:, :k].mean())
