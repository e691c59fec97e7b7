"""What a filter may compare with: numbers, text, truth and moments, told apart as JSON does.

Each kind is compared with its own kind only. A bool is not a number. Numbers are compared exactly,
an int with a float too; an integer that 64 bits can't hold is none, since SQLite would round it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vicinal.checks import described
from vicinal.errors import InvalidInputError, InvalidTypeError
from vicinal.filters.instants import iso, microseconds, moment, since_epoch, sql_microseconds
from vicinal.filters.paths import encodable

if TYPE_CHECKING:
    from vicinal.filters.sql import Operand

Kind = Literal["number", "text", "bool", "moment"]

#: What a value is compared by: a moment by its microseconds, all else by itself.
Key = int | float | str | bool

SMALLEST, LARGEST = -(2**63), 2**63 - 1


def key_of(kind: Kind, value: Any) -> Key | None:
    """Return what a payload's ``value`` is compared by among those of ``kind``; None: not one."""
    if kind == "number":
        if isinstance(value, float):
            return value
        held = isinstance(value, int) and not isinstance(value, bool)
        return value if held and SMALLEST <= value <= LARGEST else None
    if kind == "bool":
        return value if isinstance(value, bool) else None
    if not isinstance(value, str):
        return None
    return value if kind == "text" else microseconds(value)


@dataclass(frozen=True, slots=True)
class Value:
    """A value to compare with.

    Attributes
    ----------
    kind : {"number", "text", "bool", "moment"}
    key : int, float, str or bool
        What it is compared by.
    """

    kind: Kind
    key: Key

    @property
    def plain(self) -> Any:
        """The value as a user would write it."""
        return moment(int(self.key)) if self.kind == "moment" else self.key

    @property
    def spelled(self) -> Any:
        """The value as JSON, as a dict spells it."""
        return {"$date": iso(self.plain)} if self.kind == "moment" else self.key


def checked_value(value: Any, where: str) -> Value:
    """``value`` as what may be compared with.

    Parameters
    ----------
    value : object
        As given by a user.
    where : str
        Names the place in messages.

    Raises
    ------
    InvalidTypeError, InvalidInputError
        None of the kinds; a datetime without zone, a NaN, an integer of more than 64 bits.
    """
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        value = value.item()
    if isinstance(value, dict) and set(value) == {"$date"}:
        value = _read_date(value["$date"], where)
    if isinstance(value, bool):
        return Value("bool", value)
    if isinstance(value, int):
        if not SMALLEST <= value <= LARGEST:
            raise InvalidInputError(f"{where}: {value} takes more than 64 bits: write a float")
        return Value("number", int(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInputError(f"{where}: {value} can't be in a payload; leave that end open")
        return Value("number", float(value))
    if isinstance(value, str):
        if not encodable(value):
            raise InvalidInputError(
                f"{where}: {value!r} has half of a surrogate pair, which is no text"
            )
        return Value("text", str.__str__(value))
    if isinstance(value, datetime):
        return Value("moment", _checked_moment(value, where))
    raise InvalidTypeError(f"{where} must be {_wanted(value)}, not {described(value)}")


def _read_date(text: Any, where: str) -> datetime:
    micros = microseconds(text) if isinstance(text, str) else None
    if micros is None:
        raise InvalidInputError(
            f"{where}: $date must be text like 2024-05-31T12:00:00Z, not {described(text)}"
        )
    try:
        return moment(micros)
    except OverflowError as error:
        raise InvalidInputError(f"{where}: {text} is beyond the years 1 to 9999 in UTC") from error


def _checked_moment(value: datetime, where: str) -> int:
    if value.utcoffset() is None:
        raise InvalidInputError(
            f"{where}: {value} has no time zone, so it names no moment: "
            "add one, such as tzinfo=timezone.utc"
        )
    try:
        return since_epoch(value.astimezone(timezone.utc))
    except OverflowError as error:
        raise InvalidInputError(f"{where}: {value} is beyond the years 1 to 9999 in UTC") from error


def _wanted(value: Any) -> str:
    if isinstance(value, (date, np.datetime64)):
        return "a datetime with a time zone, or text such as '2024-05-31'"
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        return "one value (is_in and $in take several, contains asks for one of an array)"
    if isinstance(value, dict):
        return 'one value (a field inside an object is asked for as f["outer.inner"])'
    return "a string, number, bool or datetime"


def sql_key(kind: Kind, operand: Operand) -> tuple[str, str]:
    """Return SQL for `key_of`: whether a value is of ``kind``, and what it is compared by then."""
    if kind == "number":
        # json_type calls an integer beyond 64 bits one, but its value comes as a rounded real.
        return (
            f"{operand.type} IN ('integer', 'real') AND typeof({operand.value}) = {operand.type}",
            operand.value,
        )
    if kind == "bool":
        return f"{operand.type} IN ('true', 'false')", f"({operand.type} = 'true')"
    if kind == "text":
        return f"{operand.type} = 'text'", operand.value
    return f"{operand.type} = 'text'", sql_microseconds(operand.value)
