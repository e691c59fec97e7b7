"""Arguments that are not arrays: one message per way of being wrong."""

from __future__ import annotations

import operator
import os
import reprlib
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.errors import InvalidInputError, InvalidTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: More threads than any machine has cores only cost memory.
MAX_THREADS = 1024

#: An answer holds k places whether or not they are filled: more than this can only be a slip.
MAX_K = 100_000_000

#: The largest id.
MAX_ID = 2**63 - 1

#: The longest candidate list: as many as an index can hold vectors.
MAX_EF = 2**31 - 1


def integer(name: str, value: Any, low: int, high: int) -> int:
    """``value`` as an int from ``low`` to ``high``; neither bools nor floats are integers here."""
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        raise InvalidTypeError(f"{name} must be an integer, not {described(value)}")
    try:
        number = operator.index(value)
    except TypeError as error:  # an array of several elements
        raise InvalidTypeError(f"{name} must be an integer, not {described(value)}") from error
    if not low <= number <= high:
        raise InvalidInputError(f"{name} must be from {low:,} to {high:,}, not {number:,}")
    return number


def as_id(value: Any) -> int | None:
    """``value`` as an id, for ``in``; None for what can't be one."""
    try:
        number = operator.index(value)
    except TypeError:
        return None
    return number if 0 <= number <= MAX_ID else None


def number(name: str, value: Any) -> float:
    """``value`` as a float."""
    try:
        return float("no" if isinstance(value, (bool, np.bool_, str)) else value)
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"{name} must be a number, not {described(value)}") from error


def threads(value: Any) -> int:
    """A number of threads; 0 means all cores."""
    return integer("threads", value, 0, MAX_THREADS)


def text(name: str, value: Any) -> str:
    """``value`` if it is a string; which strings are known is the engine's to say."""
    if not isinstance(value, str):
        raise InvalidTypeError(f"{name} must be a string, not {described(value)}")
    return value


def choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """``value`` if it is one of ``choices``."""
    if text(name, value) not in choices:
        raise InvalidInputError(f"unknown {name} {value!r}; choose one of {', '.join(choices)}")
    return str(value)


def flag(name: str, value: Any) -> bool:
    """``value`` if it is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidTypeError(f"{name} must be True or False, not {described(value)}")
    return bool(value)


def path(value: Any) -> str:
    """A file's name, from a str, bytes or anything with ``__fspath__``."""
    try:
        name = os.fsdecode(value)
    except TypeError as error:
        raise InvalidTypeError(f"path must be a str or a Path, not {described(value)}") from error
    if not name or "\0" in name:
        raise InvalidInputError(f"path {name!r} can't name a file")
    return name


def described(value: Any) -> str:
    """``value`` and its type, short enough for a message."""
    return f"{reprlib.repr(value)} of type {type(value).__name__}"
