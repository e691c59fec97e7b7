"""Where a share lies, given how many were looked at."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: The quantile of the normal distribution that leaves 2.5% on either side.
Z95 = 1.959964


def wilson_interval(hits: float, trials: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a proportion; z = 1.959964 gives 95%.

    Examples
    --------
    >>> tuple(round(bound, 3) for bound in wilson_interval(95, 100))
    (0.888, 0.978)
    """
    if trials == 0:
        return 0.0, 1.0
    share = hits / trials
    middle = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    whole = 1 + z * z / trials
    # Rounding may not leave the bound of a perfect share below it, or that of none above it.
    low, high = (middle - half) / whole, (middle + half) / whole
    return min(max(low, 0.0), share), max(min(high, 1.0), share)


def share_found(hits: NDArray[Any], wanted: NDArray[Any]) -> tuple[float, float, float]:
    """The share of neighbours that queries found, and its 95% interval.

    The neighbours of one query are found or missed together, so they are not as many trials: the
    interval is Wilson's of as many as give the spread between queries (the effective sample size;
    L. Kish, "Survey Sampling", 1965; E. Korn, B. Graubard, 1998). There are at least as many as
    queries and at most as many as neighbours. For the spread one more query is counted that found
    half: so a few hundred queries without a miss do not pass for certainty, and one miss more
    narrows no interval.

    Parameters
    ----------
    hits, wanted : ndarray, shape (n,)
        Of each query, how many of its neighbours were found, and how many there are. Queries
        without any count for nothing.

    Returns
    -------
    share, low, high : float
        Where no neighbours are wanted none was missed: 1.0, and an interval that says nothing.

    Examples
    --------
    >>> import numpy as np
    >>> together = share_found(np.repeat([10, 5], [90, 10]), np.full(100, 10))
    >>> apart = share_found(np.repeat([10, 9], [50, 50]), np.full(100, 10))
    >>> [[round(bound, 3) for bound in one] for one in (together, apart)]
    [[0.95, 0.912, 0.972], [0.95, 0.935, 0.962]]
    """
    asked = wanted > 0
    h, w = hits[asked].astype(np.float64), wanted[asked].astype(np.float64)
    if not len(w):
        return 1.0, *wilson_interval(0, 0)
    size = w.mean()
    share = (h.sum() + size / 2) / (w.sum() + size)
    apart = (np.append(h, size / 2) - share * np.append(w, size)) / size
    spread = max(float(apart.var(ddof=1)) / len(apart), np.finfo(float).tiny)
    trials = float(min(max(share * (1 - share) / spread, len(w)), w.sum()))
    found = float(h.sum() / w.sum())
    return found, *wilson_interval(found * trials, trials)
