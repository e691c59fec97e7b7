"""The keys of one dtype, each with its slot, in order; and bitmaps of single keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pyroaring import BitMap

from vicinal.filters.bitmaps.tree import Node, Rows, leaves, root

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

#: Bitmaps of single keys that are kept. No two share a slot unless rows have several keys, so
#: together they are about as large as the column.
KEPT = 1024


class Column:
    """Rows of a key, a slot and more.

    Parameters
    ----------
    *dtypes : dtype
        Of the keys, and of what rows have besides key and slot. Keys of dtype object compare as
        Python has it.
    single : bool
        Whether a slot has one row at most.
    """

    def __init__(self, *dtypes: DTypeLike, single: bool) -> None:
        self._dtypes = (dtypes[0], np.uint32, *dtypes[1:])
        self._single = single
        self._root: Node | None = None
        self._equal: dict[Any, BitMap] = {}

    def add(self, *fields: list[Any]) -> None:
        """Add rows: a list of keys, one of slots, and one of each thing more."""
        keys, slots = fields[:2]
        if not keys:
            return
        if self._equal:
            for key, slot in zip(keys, slots, strict=True):
                if key in self._equal:
                    self._equal[key].add(slot)
        order = _ordering(keys)
        rows = [
            _array(field, dtype)[order] for field, dtype in zip(fields, self._dtypes, strict=True)
        ]
        nodes = leaves(rows, self._single) if self._root is None else self._root.add(rows)
        self._root = root(nodes, self._single)

    def discard(self, slots: BitMap) -> None:
        """Take all rows of ``slots`` away."""
        if self._root is None or self._root.bitmap.isdisjoint(slots):
            return
        gone: list[Rows] = []
        if not self._root.discard(slots, gone):
            self._root = None
        if self._equal:
            for keys, held, *_ in gone:
                for key, slot in zip(keys.tolist(), held.tolist(), strict=True):
                    if key in self._equal:
                        self._equal[key].discard(slot)

    def between(self, low: Any, high: Any) -> BitMap:
        """Return the slots with a key from ``low`` to before ``high``, None being an open end.

        Not to be changed.
        """
        return BitMap() if self._root is None else self._root.between(low, high)

    def equal(self, key: Any, after: Any) -> BitMap:
        """Return the slots with ``key``, not to change; ``after`` is the next key there can be."""
        kept = self._equal.get(key)
        if kept is None:
            kept = self.between(key, after).copy()
            if len(self._equal) >= KEPT:
                del self._equal[next(iter(self._equal))]
            self._equal[key] = kept
        return kept

    def rows(self, low: Any, high: Any) -> Rows:
        """Return the rows with a key from ``low`` to before ``high``."""
        found: list[Rows] = [[np.empty(0, dtype) for dtype in self._dtypes]]
        if self._root is not None:
            found += self._root.rows_between(low, high)
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def _array(values: list[Any], dtype: DTypeLike) -> NDArray[Any]:
    made = np.empty(len(values), dtype)
    made[:] = values
    return made


def _ordering(keys: list[Any]) -> NDArray[np.intp]:
    """Return the places of ``keys`` in order; of text, there are few to compare if few differ."""
    if isinstance(keys[0], str):
        places = {key: place for place, key in enumerate(sorted(set(keys)))}
        return np.argsort(np.array([places[key] for key in keys]), kind="stable")
    return np.argsort(np.array(keys), kind="stable")
