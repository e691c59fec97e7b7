"""One state of the vectors of a name: a graph over most of them, and the rest as plain rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal.index import Index

#: When a slot was retired that was not.
NEVER = 2**63 - 1


class Tail:
    """Rows in arrays with room behind them: who holds a slice keeps it, whatever is appended."""

    def __init__(self, width: int, kind: np.dtype[Any]) -> None:
        self._slots: NDArray[np.int64] = np.empty(0, np.int64)
        self._rows: NDArray[Any] = np.empty((0, width), kind)
        self._first = self._end = 0

    @property
    def slots(self) -> NDArray[np.int64]:
        """The slots, rising."""
        return self._slots[self._first : self._end]

    @property
    def rows(self) -> NDArray[Any]:
        """A row for each slot."""
        return self._rows[self._first : self._end]

    def append(self, slots: NDArray[np.int64], rows: NDArray[Any]) -> None:
        """Add rows behind the last."""
        if self._end + len(slots) > len(self._slots):
            self._move(2 * (self._end - self._first + len(slots)))
        end = self._end + len(slots)
        self._slots[self._end : end] = slots
        self._rows[self._end : end] = rows
        self._end = end

    def drop(self, slot: int) -> None:
        """Forget the rows up to a slot."""
        self._first += int(np.searchsorted(self.slots, slot, "right"))
        if 2 * self._first > len(self._slots):
            self._move(2 * (self._end - self._first))

    def remove(self, keep: NDArray[np.bool_]) -> None:
        """Forget all rows but those to keep."""
        slots, rows = self.slots[keep], self.rows[keep]
        self._slots, self._rows, self._first, self._end = slots, rows, 0, len(slots)

    def _move(self, room: int) -> None:
        held = self._end - self._first
        slots = np.empty(room, np.int64)
        rows = np.empty((room, self._rows.shape[1]), self._rows.dtype)
        slots[:held], rows[:held] = self.slots, self.rows
        self._slots, self._rows, self._first, self._end = slots, rows, 0, held


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a search looks at. It never changes; a later state is another view.

    Attributes
    ----------
    index : Index or None
        The graph. It may hold more than it is believed for here.
    covered : int
        The last slot that it is believed for; 0 without one.
    slots, rows : ndarray
        The vectors of the slots behind that.
    lost : int
        How many of them were retired at most.
    slot, seq : int
        The state of the collection: the last slot given, and the last retirement.
    dead : dict of int to int
        For slots above that were retired, when. Shared with later views, so only what was retired
        up to `seq` counts.
    base : int
        Whatever was retired up to here is not in the graph.
    generation : int
        Of the file of the graph; 0 for none.
    """

    index: Index | None
    covered: int
    slots: NDArray[np.int64]
    rows: NDArray[Any]
    lost: int
    slot: int
    seq: int
    dead: dict[int, int]
    base: int
    generation: int

    def alive(self, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the slots were not retired."""
        if not self.dead:
            return np.ones(len(slots), bool)
        death, seq = self.dead.get, self.seq
        return np.fromiter((death(s, NEVER) > seq for s in slots.tolist()), bool, len(slots))
