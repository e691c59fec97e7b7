"""`IdSet`: which ids a search may answer, in any way of writing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks
from vicinal._native import IdSet as NativeIdSet
from vicinal.arrays import id_array
from vicinal.errors import InvalidInputError, InvalidTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray


class IdSet:
    """A set of ids, made once and used for any number of searches: ``search(..., filter=it)``.

    An index looks up the vectors of a set when it first sees it, and again after its own ids
    changed; the set remembers the last. Sets never change: ``&``, ``|``, ``-`` and ``~`` make new
    ones.

    Parameters
    ----------
    ids : array-like, bytes or IdSet
        * Ids: integers in an array, a list, a set or a range.
        * A mask: bools, one for each id from 0 on. It must reach the largest id of the index that
          it is used with.
        * Bytes: a roaring bitmap in the portable format, of 32 or of 64 bits, as `serialize` here
          and the roaring libraries of all languages write it.
    deny : bool
        True makes the set of all ids but these.

    Raises
    ------
    InvalidInputError
        A negative id, a mask of more than one dimension, bytes that are no roaring bitmap.
    InvalidTypeError
        Ids that are not integers.

    Examples
    --------
    >>> import vicinal
    >>> even, small = vicinal.IdSet(range(0, 100, 2)), vicinal.IdSet([0, 1, 2, 3])
    >>> (even & small).to_ids()
    array([0, 2])
    >>> 8 in even - small, 2 in even - small, 99 in ~even
    (True, False, True)
    """

    __slots__ = ("_native",)

    _native: NativeIdSet

    def __init__(self, ids: ArrayLike | bytes | IdSet, *, deny: bool = False) -> None:
        native = native_filter(ids)
        self._native = native.complement() if checks.flag("deny", deny) else native

    @property
    def deny(self) -> bool:
        """Whether this is the set of all ids but some."""
        return self._native.denies

    def to_ids(self) -> NDArray[np.int64]:
        """Give the ids, ascending.

        Raises
        ------
        InvalidInputError
            The set is all ids but some.
        """
        self._must_end("to_ids()")
        return self._native.listed()

    def serialize(self) -> bytes:
        """Give the ids as a roaring bitmap in the portable format of 64 bits.

        Raises
        ------
        InvalidInputError
            The set is all ids but some: the format has no way to say so.
        """
        self._must_end("serialize()")
        return self._native.serialize()

    def _must_end(self, what: str) -> None:
        if self.deny:
            raise InvalidInputError(
                f"{what}: this set is all ids but {self._native.listed_len():,}, and has no end; "
                "~set is the set of those that it leaves out"
            )

    def __len__(self) -> int:
        self._must_end("len()")
        return self._native.listed_len()

    def __bool__(self) -> bool:
        return self.deny or self._native.listed_len() > 0

    def __iter__(self) -> Iterator[int]:
        return iter(self.to_ids().tolist())

    def __contains__(self, value: object) -> bool:
        number = checks.as_id(value)
        return number is not None and self._native.contains(number)

    def __invert__(self) -> IdSet:
        return _made(self._native.complement())

    def __and__(self, other: IdSet) -> IdSet:
        if not isinstance(other, IdSet):
            return NotImplemented
        return _made(self._native.intersection(other._native))

    def __or__(self, other: IdSet) -> IdSet:
        if not isinstance(other, IdSet):
            return NotImplemented
        return _made(self._native.union(other._native))

    def __sub__(self, other: IdSet) -> IdSet:
        if not isinstance(other, IdSet):
            return NotImplemented
        return _made(self._native.intersection(other._native.complement()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IdSet):
            return NotImplemented
        mine, theirs = self._native, other._native
        return mine.denies == theirs.denies and mine.serialize() == theirs.serialize()

    def __hash__(self) -> int:
        return hash((self.deny, self._native.serialize()))

    def __reduce__(self) -> tuple[Any, ...]:
        # A mask is remembered as the ids that it names.
        return _unpickled, (self._native.serialize(), self.deny)

    def __repr__(self) -> str:
        return f"IdSet({'all ids but ' if self.deny else ''}{self._native.listed_len():,} ids)"


def _made(native: NativeIdSet) -> IdSet:
    made = IdSet.__new__(IdSet)
    made._native = native
    return made


def _unpickled(listed: bytes, deny: bool) -> IdSet:
    return IdSet(listed, deny=deny)


def native_filter(values: Any) -> NativeIdSet:
    """What is given as ``filter=``, as the engine takes it."""
    if isinstance(values, IdSet):
        return values._native
    if isinstance(values, (bytes, bytearray, memoryview)):
        return NativeIdSet.of_bytes(bytes(values))
    if isinstance(values, str):
        raise InvalidTypeError(
            f"filter must be ids, bools or bytes, not {checks.described(values)}"
        )
    if isinstance(values, (set, frozenset)):
        values = list(values)
    array = np.asarray(values) if isinstance(values, (np.ndarray, range, list, tuple)) else values
    if getattr(array, "dtype", None) == np.bool_:
        mask = np.asarray(array)
        if mask.ndim != 1:
            raise InvalidInputError(
                f"filter: a mask has one dimension, mask[id], not the shape {mask.shape}"
            )
        return NativeIdSet.of_mask(np.packbits(mask, bitorder="little"), len(mask))
    return NativeIdSet.of_ids(id_array(values))
