"""Filters as Python writes them: ``field.year >= 2020``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from vicinal.errors import InvalidTypeError
from vicinal.filters import door
from vicinal.filters.conditions import Condition, Exists, IsNull
from vicinal.filters.paths import Path, checked_path, parse_path
from vicinal.filters.tree import Leaf, Not, shown_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vicinal.filters.tree import Expr


class Field:
    """A field of payloads, to compare; made by `vicinal.field`."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getitem__(self, name: str | tuple[str, ...]) -> Field:
        """Return the field ``name`` inside this one, an object."""
        return Field((*self._path, *_keys(name)))

    def _where(self, condition: Condition) -> Leaf:
        return Leaf(self._path, condition)

    def _compare(self, sign: str, value: Any) -> Leaf:
        return self._where(door.compare(sign, value, f"{self!r} {sign} value"))

    def __eq__(self, value: object) -> Expr:  # type: ignore[override]
        if value is None:
            return door.nothing(self._path)
        return self._compare("==", value)

    def __ne__(self, value: object) -> Expr:  # type: ignore[override]
        return Not(self == value)

    def __lt__(self, value: Any) -> Expr:
        return self._compare("<", value)

    def __le__(self, value: Any) -> Expr:
        return self._compare("<=", value)

    def __gt__(self, value: Any) -> Expr:
        return self._compare(">", value)

    def __ge__(self, value: Any) -> Expr:
        return self._compare(">=", value)

    def is_in(self, values: Iterable[Any]) -> Expr:
        """Return the filter for a field that equals one of ``values``."""
        return self._where(door.one_of(values, f"{self!r}.is_in"))

    def between(self, low: Any, high: Any) -> Expr:
        """Return the filter for a field from ``low`` to ``high``, both included."""
        return self._where(door.between(low, high, f"{self!r}.between"))

    def contains(self, value: Any) -> Expr:
        """Return the filter for an array that has ``value`` among its elements."""
        return self._where(door.contains(value, f"{self!r}.contains"))

    def startswith(self, prefix: str) -> Expr:
        """Return the filter for text that begins with ``prefix``."""
        return self._where(door.startswith(prefix, f"{self!r}.startswith"))

    def near(self, point: tuple[float, float], *, km: float) -> Expr:
        """Return the filter for places within a radius of a point.

        Parameters
        ----------
        point : (float, float)
            Latitude, from -90 to 90, and longitude, from -180 to 180, in degrees. The field is an
            object ``{"lat": ..., "lon": ...}``.
        km : float
            The radius on the sphere, in kilometres.
        """
        return self._where(door.near(point, km, f"{self!r}.near"))

    def exists(self) -> Expr:
        """Return the filter for a field that is there, be it null."""
        return self._where(Exists())

    def is_null(self) -> Expr:
        """Return the filter for a field that is there, and null."""
        return self._where(IsNull())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return shown_path(self._path)

    def __contains__(self, value: Any) -> NoReturn:
        raise InvalidTypeError(f"write {self!r}.contains({value!r}) for {value!r} in {self!r}")

    def __bool__(self) -> NoReturn:
        self._alone()

    def _alone(self, *_: Any) -> NoReturn:
        raise InvalidTypeError(
            f"{self!r} is a field, not yet a filter: compare it, as in {self!r} == True or "
            f"{self!r}.exists(), and put each comparison in parentheses before & | ~ join them"
        )

    __and__ = __rand__ = __or__ = __ror__ = __invert__ = _alone


class Fields:
    """The fields of payloads: ``field.year``, ``field["maker.name"]``.

    In brackets a dot leads into an object, and a backslash takes the character after it as it is;
    ``field["maker", "v1.0"]`` lists the keys instead.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Field:
        if name.startswith("__"):  # Python asks objects for such names
            raise AttributeError(f'a field of this name is asked for as field["{name}"]')
        return Field(checked_path((name,)))

    def __getitem__(self, name: str | tuple[str, ...]) -> Field:
        return Field(_keys(name))

    def __repr__(self) -> str:
        return "vicinal.field"


def _keys(name: Any) -> Path:
    return checked_path(name) if isinstance(name, tuple) else parse_path(name)


field = Fields()
"""The fields of payloads, to compare: ``field.year >= 2020``, ``field["maker.name"] == "x"``."""
