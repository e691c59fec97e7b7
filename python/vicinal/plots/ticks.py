"""Where axes have their ticks: the same in still pictures and on pages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The axis of recall ends here, so that an exact answer has a place on it.
LAST = 0.9995
RECALLS = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
#: Those that are left out where there are more than so many.
LESSER, MOST = (0.1, 0.3, 0.6, 0.7, 0.98, 0.998), 8

#: From this ratio of the largest value to the least on, these steps of each power of ten.
STEPS = ((10**2.5, (1.0,)), (5.0, (1.0, 2.0, 5.0)), (0.0, (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))


def linear(values: Sequence[float], most: int = 6) -> list[float]:
    """Give round steps from 0, or from below the least value, to above the largest.

    >>> linear([0, 1]), linear([0, 6_700]), linear([3.5, 4.5])
    ([0.0, 1.0], [0.0, 2000.0, 4000.0, 6000.0, 8000.0], [3.4, 3.6, 3.8, 4.0, 4.2, 4.4, 4.6])
    """
    low, high = min(values), max(values)
    rough = (high - low or abs(high) or 1.0) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    if all(float(value).is_integer() for value in values):
        step = max(step, 1.0)  # counts have nothing between them
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * i, 12) for i in range(first, last + 1)]


def log(values: Sequence[float]) -> list[float]:
    """Give powers of ten about the values, and steps between them where they are few.

    >>> log([3, 70]), log([1, 1e4])
    ([2.0, 5.0, 10.0, 20.0, 50.0, 100.0], [1.0, 10.0, 100.0, 1000.0, 10000.0])
    """
    low, high = min(values), max(values)
    steps = next(s for least, s in STEPS if high / low >= least)
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    tried = [step * 10.0**power for power in powers for step in steps]
    first = max((i for i, at in enumerate(tried) if at <= low), default=0)
    last = min((i for i, at in enumerate(tried) if at >= high), default=len(tried) - 1)
    return tried[first : last + 1]


def recalls(values: Sequence[float]) -> list[float]:
    """Give recalls about the values; 1 stands for everything beyond `LAST`.

    >>> recalls([0.92, 0.993]), recalls([0.9985, 1.0])
    ([0.9, 0.95, 0.98, 0.99, 0.995], [0.998, 0.999, 1.0])
    """
    known = (0.0, *RECALLS, 1.0)
    first = max(i for i, at in enumerate(known) if at <= max(0.0, min(values)))
    last = min(i for i, at in enumerate(known) if at >= min(1.0, max(values)))
    found = list(known[first : last + 1])
    return found if len(found) <= MOST else [at for at in found if at not in LESSER]
