"""Guarantees of searches: what can be asked for, and the axes that make proofs quick."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks
from vicinal.errors import InvalidInputError, InvalidTypeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What stands for an epsilon of 0.
EXACT = "exact"

#: Vectors that tell along which directions all differ.
SAMPLE = 4096

#: Most axes, and most numbers that they are made of.
AXES, NUMBERS = 1024, 2**22


def epsilon(guarantee: Any) -> float:
    """The epsilon of ``guarantee="exact"``, or of a number."""
    if isinstance(guarantee, str):
        if guarantee != EXACT:
            raise InvalidInputError(
                f'guarantee must be "exact", or a number: 0.1 allows distances 10% above the true '
                f"ones; not {guarantee!r}"
            )
        return 0.0
    value = checks.number("guarantee", guarantee)
    if not 0.0 <= value < np.inf:
        raise InvalidInputError(f"guarantee must be a number from 0 up, not {value}")
    return value


def budget(value: Any) -> tuple[int | None, float | None]:
    """Rows that may be measured, or their share: ``budget=1000`` or ``budget=0.01``."""
    if value is None:
        return None, None
    try:
        rows = operator.index(value)
    except TypeError:
        share = checks.number("budget", value)
        if not 0.0 <= share <= 1.0:
            raise InvalidInputError(
                f"budget must be a number of rows, or a share of them from 0.0 to 1.0, not {share}"
            ) from None
        return None, share
    if isinstance(value, (bool, np.bool_)):
        raise InvalidTypeError("budget must be a number of rows or a share of them, not a bool")
    return checks.integer("budget", rows, 0, 2**63 - 1), None


def asked(guarantee: Any, most: Any, metric: str) -> tuple[float, int | None, float | None]:
    """What is to be proven, and the rows or their share that it may cost, checked."""
    if guarantee is None:
        raise InvalidInputError('a budget is what a proof may cost; give guarantee="exact" too')
    value, cost = epsilon(guarantee), budget(most)
    if value and metric == "ip":
        raise InvalidInputError(
            "inner products may be negative, so (1 + epsilon) times one means nothing; ask for "
            'guarantee="exact"'
        )
    return (value, *cost)


def axes(sample: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the principal axes of a sample.

    Proofs hold whatever the axes; along these, few coordinates exclude most rows. Up to `AXES`
    components they are the eigenvectors of the covariance. Of longer vectors they follow from the
    eigenvectors of the sample's products with itself, which are fewer (Turk & Pentland 1991).

    Parameters
    ----------
    sample : ndarray of float32, shape (n, dim)

    Returns
    -------
    centre : ndarray of float32, shape (dim,)
        The mean.
    axes : ndarray of float32, shape (m * dim,)
        m orthonormal axes one after another, the one of most variance first.
    """
    n, dim = sample.shape
    most = max(1, min(dim, AXES, NUMBERS // dim))
    centre = sample.mean(axis=0, dtype=np.float64)
    rows = sample - centre
    scale = float(np.abs(rows).max(initial=0.0))
    if scale > 0.0:  # squares of tiny or huge numbers would leave the range of floats
        rows /= scale
    if dim <= AXES:
        _, vectors = np.linalg.eigh(rows.T @ rows)
        found = vectors.T[::-1]
    else:
        rows = rows[: min(n, AXES)]
        values, vectors = np.linalg.eigh(rows @ rows.T)
        kept = values > 1e-6 * max(float(values[-1]), 1e-300)
        found = (vectors[:, kept] / np.sqrt(values[kept])).T[::-1] @ rows
        if not len(found):  # nothing differs
            found = np.eye(1, dim)
    chosen = np.ascontiguousarray(found[:most], np.float32)
    return centre.astype(np.float32), chosen.ravel()
