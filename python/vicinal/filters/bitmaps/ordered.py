"""Columns of one kind of value: which keys they have, and where a comparison cuts them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from pyroaring import BitMap

from vicinal.filters.bitmaps.column import Column
from vicinal.filters.values import LARGEST, SMALLEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from vicinal.filters.values import Key, Kind


class Bound(NamedTuple):
    """An end of a range: at a key, or right after it."""

    key: Any
    after: bool


def cut_text(bound: Bound) -> str:
    """Return the first text that is not before ``bound``."""
    text = str(bound.key)
    return text + "\0" if bound.after else text


def cut_integers(bound: Bound) -> float:
    """Return the first 64-bit integer that is not before ``bound``, infinity if there is none."""
    first = math.floor(bound.key) + 1 if bound.after else math.ceil(bound.key)
    return math.inf if first > LARGEST else max(first, SMALLEST)


def cut_floats(bound: Bound) -> float:
    """Return the first double that is not before ``bound``, which may be none itself."""
    near = float(bound.key)
    before = near <= bound.key if bound.after else near < bound.key
    return math.nextafter(near, math.inf) if before else near


class Lane(NamedTuple):
    """Keys of one dtype."""

    column: Column
    cut: Callable[[Bound], Any]


class Ordered:
    """Slots by values of one kind.

    Integers and other numbers lie in columns of their own, since neither int64 nor float64 holds
    all of both; a float that is an integer lies with these.
    """

    def __init__(self, kind: Kind, *, single: bool) -> None:
        self._kind = kind
        if kind == "text":
            self._lanes = [Lane(Column(object, single=single), cut_text)]
        else:
            self._lanes = [Lane(Column(np.int64, single=single), cut_integers)]
            if kind == "number":
                self._lanes.append(Lane(Column(np.float64, single=single), cut_floats))

    def add(self, keys: list[Any], slots: list[int]) -> None:
        """Add rows."""
        if self._kind != "number":
            self._lanes[0].column.add(keys, slots)
            return
        rows: tuple[tuple[list[Any], list[int]], ...] = ([], []), ([], [])
        for number, slot in zip(keys, slots, strict=True):
            lane, key = _lane(number)
            rows[lane][0].append(key)
            rows[lane][1].append(slot)
        for (column, _), row in zip(self._lanes, rows, strict=True):
            column.add(*row)

    def discard(self, slots: BitMap) -> None:
        """Take all rows of ``slots`` away."""
        for lane in self._lanes:
            lane.column.discard(slots)

    def between(self, low: Bound | None, high: Bound | None) -> BitMap:
        """Return the slots with a key from ``low`` to before ``high``; None is an open end."""
        return BitMap.union(
            *(
                lane.column.between(low and lane.cut(low), high and lane.cut(high))
                for lane in self._lanes
            )
        )

    def equal(self, key: Key) -> BitMap:
        """Return the slots with ``key``; not to change."""
        lane, own = _lane(key) if self._kind == "number" else (0, key)
        column, cut = self._lanes[lane]
        return column.equal(own, cut(Bound(own, True)))


def _lane(number: Any) -> tuple[int, Any]:
    """Return which column a number lies in, and as what."""
    if isinstance(number, float) and not (number.is_integer() and SMALLEST <= number <= LARGEST):
        return 1, number
    return 0, int(number)
