"""Where in a payload a field is: its keys from the top, as text, in Python and in SQL."""

from __future__ import annotations

import enum
import json
import re
from typing import Any, Final

from vicinal.checks import described
from vicinal.errors import InvalidInputError, InvalidTypeError

#: The keys that lead to a field, outermost first.
Path = tuple[str, ...]

#: More keys than any payload may be nested deep.
MAX_KEYS = 100


class Missing(enum.Enum):
    """What a payload has where it has nothing, which is not null."""

    MISSING = enum.auto()


MISSING: Final = Missing.MISSING


def parse_path(text: Any) -> Path:
    r"""Read ``a.b`` as the key b of the object at a; ``\`` before a character takes it as it is.

    Examples
    --------
    >>> parse_path("maker.name"), parse_path(r"v1\.0")
    (('maker', 'name'), ('v1.0',))
    """
    if not isinstance(text, str):
        raise InvalidTypeError(f"a field's name must be a string, not {described(text)}")
    pieces = re.findall(r"\\.|[^\\]", text, re.DOTALL)
    if "".join(pieces) != text:
        raise InvalidInputError(f"field {text!r} ends in a backslash: double it to mean itself")
    keys = [""]
    for piece in pieces:
        if piece == ".":
            keys.append("")
        else:
            keys[-1] += piece[-1]
    return checked_path(tuple(keys))


def checked_path(keys: tuple[Any, ...]) -> Path:
    """``keys`` if they can lead to a field."""
    for key in keys:
        if not isinstance(key, str):
            raise InvalidTypeError(f"a field's key must be a string, not {described(key)}")
        if not encodable(key):
            raise InvalidInputError(f"field {key!r} has half of a surrogate pair, which is no text")
        if "\0" in key:  # to SQLite a key ends there
            raise InvalidInputError(f"field {key!r} has a NUL, which no key of a payload has")
    if not 1 <= len(keys) <= MAX_KEYS:
        raise InvalidInputError(f"a field has from 1 to {MAX_KEYS} keys, not {len(keys)}")
    return keys


def encodable(text: str) -> bool:
    """Whether ``text`` is Unicode that a file can hold, which half of a surrogate pair is not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def path_text(path: Path) -> str:
    """``path`` as `parse_path` reads it, and as no operator of a dict is written."""
    text = ".".join(re.sub(r"([.\\])", r"\\\1", key) for key in path)
    return "\\" + text if text.startswith("$") else text


def lookup(payload: Any, path: Path) -> Any:
    """Return what ``payload`` has at ``path``, or `MISSING`; a key leads into objects only."""
    value = payload
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return MISSING
        value = value[key]
    return value


def sql_path(path: Path) -> str:
    """``path`` as SQLite's JSON functions take it, quoted as a literal of SQL."""
    return sql_text("$" + "".join("." + json.dumps(key) for key in path))


def sql_text(text: str) -> str:
    """``text`` as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"
