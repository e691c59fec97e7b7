"""Rows in the order of their keys, as a B+ tree whose every node has the bitmap of its slots.

A range of keys is, on each level, some whole nodes, whose bitmaps are joined, and a part of two
more. Of what is in a range and what is not, the smaller side is made and the other one follows by
subtraction, so any range costs about the same: at a million rows, some thirty joins of bitmaps and
two sorts of a few hundred slots. A change touches one leaf, of a thousand rows at most, and the
bitmaps above it (docs/experiments.md has how large a leaf should be).

The bitmaps that are returned may be those of the nodes: they are not to be changed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from pyroaring import BitMap

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A row of each array: the keys, the slots, and what else rows have.
Rows = list["NDArray[Any]"]

#: Rows of a leaf, and nodes of a node above, at most.
LEAF = 1024
FAN = 16

#: So many slots are found in a leaf sooner one by one.
FEW = 16


def bitmap_of(slots: NDArray[np.uint32]) -> BitMap:
    """Return the bitmap of slots in any order; pyroaring takes sorted ones ten times as fast."""
    return BitMap(array("I", np.sort(slots).tobytes()))


class Leaf:
    """Rows in order."""

    __slots__ = ("bitmap", "rows", "single")

    def __init__(self, rows: Rows, bitmap: BitMap, single: bool) -> None:
        self.rows = rows
        self.bitmap = bitmap
        self.single = single

    @property
    def last(self) -> Any:
        """The highest key."""
        return self.rows[0][-1]

    def between(self, low: Any, high: Any) -> BitMap:
        """Return the slots with a key from ``low`` to before ``high``; None is an open end."""
        slots = self.rows[1]
        part = self._part(low, high)
        inside = slots[part]
        if len(inside) == len(slots):
            return self.bitmap
        if not self.single or len(inside) <= len(slots) // 2:
            return bitmap_of(inside)
        return self.bitmap - bitmap_of(np.concatenate([slots[: part.start], slots[part.stop :]]))

    def rows_between(self, low: Any, high: Any) -> list[Rows]:
        """Return the rows with a key from ``low`` to before ``high``."""
        part = self._part(low, high)
        return [[row[part] for row in self.rows]]

    def _part(self, low: Any, high: Any) -> slice:
        keys = self.rows[0]
        start = 0 if low is None else bisect_left(keys, low)
        return slice(start, len(keys) if high is None else max(start, bisect_left(keys, high)))

    def add(self, rows: Rows) -> list[Node]:
        """Add rows, which are in order; return the leaves that there are then."""
        # One by one: a binary search of all at once would take text as numpy's own, without NULs.
        places = [bisect_right(self.rows[0], key) for key in rows[0].tolist()]
        self.rows = [np.insert(old, places, new) for old, new in zip(self.rows, rows, strict=True)]
        self.bitmap |= bitmap_of(rows[1])
        return leaves(self.rows, self.single) if len(self.rows[0]) > LEAF else [self]

    def discard(self, slots: BitMap, gone: list[Rows]) -> bool:
        """Take rows out and put them to ``gone``; return whether any are left."""
        inside = self.bitmap & slots
        if len(inside) > FEW:
            out = np.isin(self.rows[1], np.frombuffer(inside.to_array(), np.uint32))
        else:
            out = np.zeros(len(self.rows[0]), np.bool_)
            for slot in inside:
                out |= self.rows[1] == slot
        gone.append([row[out] for row in self.rows])
        self.rows = [row[~out] for row in self.rows]
        self.bitmap -= inside
        return len(self.rows[0]) > 0

    def joined(self, after: Node) -> Node | None:
        """Return this leaf and the one after it as one, None if they are too large for that."""
        assert isinstance(after, Leaf)
        if len(self.rows[0]) + len(after.rows[0]) > LEAF // 2:
            return None
        rows = [np.concatenate(pair) for pair in zip(self.rows, after.rows, strict=True)]
        return Leaf(rows, self.bitmap | after.bitmap, self.single)


class Branch:
    """Nodes in order, all of one level."""

    __slots__ = ("bitmap", "nodes", "single")

    def __init__(self, nodes: list[Node], single: bool) -> None:
        self.nodes = nodes
        self.bitmap: BitMap = BitMap.union(*(node.bitmap for node in nodes))
        self.single = single

    @property
    def last(self) -> Any:
        """The highest key."""
        return self.nodes[-1].last

    def _at(self, key: Any) -> int:
        """Return the first node with a key that is not below ``key``."""
        return bisect_left(self.nodes, key, key=lambda node: node.last)

    def between(self, low: Any, high: Any) -> BitMap:
        """Return the slots with a key from ``low`` to before ``high``; None is an open end."""
        nodes = self.nodes
        start = 0 if low is None else self._at(low)
        stop = len(nodes) if high is None else self._at(high)
        if start == stop < len(nodes):
            return nodes[start].between(low, high)
        if start >= stop:
            return BitMap()
        parts = []
        if low is not None:
            parts.append(nodes[start].between(low, None))
            start += 1
        if stop < len(nodes):
            parts.append(nodes[stop].between(None, high))
        whole = nodes[start:stop]
        if len(whole) == len(nodes):
            return self.bitmap
        if self.single and len(whole) > len(nodes) // 2:
            outside = (node.bitmap for node in (*nodes[:start], *nodes[stop:]))
            parts.append(self.bitmap - BitMap.union(*outside))
        else:
            parts += [node.bitmap for node in whole]
        return BitMap.union(*parts)

    def rows_between(self, low: Any, high: Any) -> list[Rows]:
        """Return the rows with a key from ``low`` to before ``high``."""
        start = 0 if low is None else self._at(low)
        stop = len(self.nodes) if high is None else self._at(high) + 1
        return [rows for node in self.nodes[start:stop] for rows in node.rows_between(low, high)]

    def add(self, rows: Rows) -> list[Node]:
        """Add rows, which are in order; return the nodes that there are then."""
        self.bitmap |= bitmap_of(rows[1])
        keys, start = rows[0], 0
        while start < len(keys):
            at = min(self._at(keys[start]), len(self.nodes) - 1)
            at_last = at == len(self.nodes) - 1
            stop = len(keys) if at_last else bisect_right(keys, self.nodes[at].last, start)
            self.nodes[at : at + 1] = self.nodes[at].add([row[start:stop] for row in rows])
            start = stop
        return branches(self.nodes, self.single) if len(self.nodes) > FAN else [self]

    def discard(self, slots: BitMap, gone: list[Rows]) -> bool:
        """Take rows out and put them to ``gone``; return whether any are left."""
        self.bitmap -= slots
        left: list[Node] = []
        for node in self.nodes:
            if node.bitmap.isdisjoint(slots):
                left.append(node)
            elif node.discard(slots, gone):
                both = left[-1].joined(node) if left else None
                left[-1 if both else len(left) :] = [both or node]
        self.nodes = left
        return len(left) > 0

    def joined(self, after: Node) -> Node | None:
        """Return this branch and the one after it as one, None if they are too large for that."""
        assert isinstance(after, Branch)
        if len(self.nodes) + len(after.nodes) > FAN // 2:
            return None
        return Branch([*self.nodes, *after.nodes], self.single)


Node = Leaf | Branch


def leaves(rows: Rows, single: bool) -> list[Node]:
    """Return leaves for rows in order, with room to grow."""
    return [
        Leaf(part := [row[start:stop].copy() for row in rows], bitmap_of(part[1]), single)
        for start, stop in _pieces(len(rows[0]), LEAF)
    ]


def branches(nodes: list[Node], single: bool) -> list[Node]:
    """Return branches over nodes, with room to grow."""
    return [Branch(nodes[start:stop], single) for start, stop in _pieces(len(nodes), FAN)]


def root(nodes: list[Node], single: bool) -> Node:
    """Return one node over ``nodes``, on as many levels as that takes."""
    while len(nodes) > 1:
        nodes = branches(nodes, single)
    return nodes[0]


def _pieces(count: int, most: int) -> list[tuple[int, int]]:
    pieces = max(1, -(-count * 4 // (most * 3)))
    return [*pairwise(count * piece // pieces for piece in range(pieces + 1))]
