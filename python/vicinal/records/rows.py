"""What a record is, on both sides of SQLite: ids, payloads, and the sum that tells damage."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vicinal import checks
from vicinal._native import json_texts
from vicinal.errors import DuplicateIdError, InvalidInputError, InvalidTypeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: What users call a record.
Id: TypeAlias = "str | int | uuid.UUID"

#: The same as SQLite keeps it: TEXT, INTEGER, or a BLOB of 16 bytes.
Key: TypeAlias = "str | int | bytes"

#: Bytes of an id, in UTF-8.
MAX_ID = 1024

#: Containers within containers in a payload.
MAX_DEPTH = 100

_PLAIN = frozenset((str, float, bool, type(None)))


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to write, checked and encoded.

    Attributes
    ----------
    keys : list of Key
        Ids, none twice.
    payloads : list of str or None
        JSON texts.
    vectors : dict of str to ndarray, shape (n, ...)
        By name, in the stored dtype.
    """

    keys: list[Key]
    payloads: list[str | None]
    vectors: dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """A record as it lies in its table."""

    slot: int
    key: Key
    payload: str | None


def to_keys(ids: Any) -> list[Key]:
    """Ids as SQLite keeps them, or a refusal that names the first bad one."""
    if isinstance(ids, (str, int, uuid.UUID, bytes)):
        raise InvalidTypeError(
            f"ids must be a list of ids, not {checks.described(ids)}; write [id]"
        )
    if hasattr(ids, "to_pylist"):  # pyarrow
        ids = ids.to_pylist()
    elif hasattr(ids, "tolist"):  # numpy, pandas
        ids = ids.tolist()
    try:
        values = list(ids)
    except TypeError as error:
        raise InvalidTypeError(f"ids must be a list of ids, not {checks.described(ids)}") from error
    return [to_key(value, row) for row, value in enumerate(values)]


def to_key(value: Any, row: int | None = None) -> Key:
    """One id as SQLite keeps it."""
    if type(value) is str:
        # An ASCII string of ordinary length is the common case and needs two looks.
        if value and len(value) <= MAX_ID and value.isascii() and "\0" not in value:
            return value
        return _text_key(value, row)
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, str):  # numpy's, for one
        return to_key(str(value), row)
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise InvalidTypeError(
            f"{_place(row)} must be a string, an integer or a UUID, not {checks.described(value)}"
        )
    number = value.__index__()
    if not -(2**63) <= number < 2**63:
        raise InvalidInputError(f"{_place(row)} is {number}, beyond 64 bits; write it as a string")
    return int(number)


def _text_key(value: str, row: int | None) -> str:
    if not value:
        raise InvalidInputError(f"{_place(row)} is the empty string; give every record a name")
    if "\0" in value:
        raise InvalidInputError(
            f"{_place(row)} holds a NUL character: {checks.described(value)}; leave it out"
        )
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:
        raise InvalidInputError(
            f"{_place(row)} is not valid Unicode: half of a surrogate pair at character "
            f"{error.start} of {checks.described(value)}"
        ) from error
    if size > MAX_ID:
        raise InvalidInputError(
            f"{_place(row)} has {size:,} bytes, more than {MAX_ID:,}; use a hash of it as the id, "
            "and keep it in the payload"
        )
    return value


def refuse_duplicates(keys: Sequence[Key]) -> None:
    """Refuse an id that is given twice in one call."""
    if len(set(keys)) == len(keys):
        return
    seen: dict[Key, int] = {}
    for row, key in enumerate(keys):
        if key in seen:
            raise DuplicateIdError(
                f"ids: row {row} repeats {to_id(key)!r} of row {seen[key]}; keep one of them"
            )
        seen[key] = row


def to_id(key: Key) -> Id:
    """An id as the user gave it."""
    return uuid.UUID(bytes=key) if isinstance(key, bytes) else key


def _place(row: int | None) -> str:
    return "id" if row is None else f"ids: row {row}"


def to_texts(payloads: Iterable[Any] | None, count: int) -> list[str | None]:
    """Payloads as JSON texts, or a refusal that names the first bad one."""
    if payloads is None:
        return [None] * count
    if isinstance(payloads, (dict, str, bytes)) or not isinstance(payloads, Iterable):
        raise InvalidTypeError(
            f"payloads must be a list of dicts, not {checks.described(payloads)}; write [payload]"
        )
    payloads = list(payloads)
    texts = json_texts(payloads, MAX_DEPTH)
    for row, payload in enumerate(payloads):
        if texts[row] is None and payload is not None:  # not plain: wrong, or of another kind
            texts[row] = to_text(payload, row)
    if len(texts) != count:
        raise InvalidInputError(
            f"{len(texts):,} payloads for {count:,} ids; give one for each, or None"
        )
    return texts


def to_text(payload: Any, row: int = 0) -> str | None:
    """One payload as JSON text."""
    if payload is None:
        return None
    if not isinstance(payload, dict):
        raise InvalidTypeError(
            f"payloads: row {row} must be a dict or None, not {checks.described(payload)}"
        )
    _look(payload, row, "", 1)
    try:
        text = _encode(payload)
        if not text.isascii():
            text.encode()
    except ValueError as error:
        reason = (
            "half of a surrogate pair, which is not valid Unicode"
            if isinstance(error, UnicodeEncodeError)
            else "NaN or infinity, which JSON can't hold; use None"
        )
        raise InvalidInputError(f"payloads: row {row} holds {reason}") from error
    return text


def _look(
    value: dict[Any, Any] | list[Any] | tuple[Any, ...], row: int, at: str, depth: int
) -> None:
    """Refuse what JSON or SQLite would change without a word: keys, deep nests, long integers."""
    if depth > MAX_DEPTH:
        raise InvalidInputError(
            f"payloads: row {row} nests deeper than {MAX_DEPTH} at {at[:80]!r}; flatten it"
        )
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    named = isinstance(value, dict)
    for key, item in pairs:
        if named:
            if not isinstance(key, str):
                raise InvalidTypeError(
                    f"payloads: row {row} has the key {checks.described(key)} at {at!r}; keys are "
                    "strings"
                )
            if "\0" in key:
                raise InvalidInputError(
                    f"payloads: row {row} has the key {checks.described(key)} at {at!r}, which "
                    "holds a NUL: to SQLite a key ends there; leave it out"
                )
        kind = type(item)
        if kind in _PLAIN or (kind is int and -(2**63) <= item < 2**63):
            continue
        if isinstance(item, (dict, list, tuple)):
            _look(item, row, _inner(at, key), depth + 1)
        elif isinstance(plain := _plain(item, row, _inner(at, key)), list):  # of an array
            _look(plain, row, _inner(at, key), depth + 1)


def _inner(at: str, key: object) -> str:
    return f"{at}.{key}" if at else str(key)


def _plain(value: Any, row: int = 0, at: str = "") -> Any:
    """What is stored for a value that JSON has no word for."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise InvalidInputError(
            f"payloads: row {row} holds {value} at {at!r}, beyond 64 bits; store it as a string"
        )
    if isinstance(value, (str, int, float)) or value is None:
        return value
    raise InvalidTypeError(
        f"payloads: row {row} holds {checks.described(value)} at {at!r}, which JSON can't hold; "
        "numbers, strings, True, False, None, lists, dicts, datetimes and UUIDs are stored"
    )


_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
).encode
