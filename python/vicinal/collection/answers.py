"""What a collection answers with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal.records.rows import Id


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a collection.

    Attributes
    ----------
    id : str, int or UUID
    payload : dict or None
    vectors : dict of str to ndarray
        By name, as they are stored; empty when they were not asked for.
    """

    id: Id
    payload: dict[str, Any] | None
    vectors: dict[str, NDArray[Any]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Some records of a collection, in the order in which they were written.

    Attributes
    ----------
    records : list of Record
    cursor : int or None
        Where to go on, as `Collection.scroll` takes it; None behind the last.
    """

    records: list[Record]
    cursor: int | None
