"""What is known of vectors besides themselves: names, labels, payloads, and what to colour by."""

from __future__ import annotations

import contextlib
import itertools
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import numpy as np

from vicinal.errors import InvalidInputError, InvalidTypeError
from vicinal.map.packing import packed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from vicinal.explain import WhyNot

#: Kinds that get a colour each; the rest are "other".
KINDS = 7
#: Letters of one text on hover, and of all of them together.
LETTERS, TEXTS = 400, 16_000_000
#: Letters that each text has even where there are very many.
FEWEST = 16
#: The largest number on a scale: that of float32.
FARTHEST = float(np.finfo(np.float32).max)
#: Fields of a payload that are shown.
FIELDS = 12


@dataclass(frozen=True, slots=True)
class Described:
    """What is known of some vectors, in their order.

    Attributes
    ----------
    there : ndarray of bool
        Which of them there still are.
    names : list of str
    texts, hues : list or None
        A few lines for each, and what to colour by.
    """

    there: NDArray[np.bool_]
    names: list[str]
    texts: list[str] | None
    hues: list[Any] | None

    def kept(self, keep: NDArray[np.bool_]) -> Described:
        """The same of some of them."""
        some = keep.tolist()
        return Described(
            self.there[keep],
            [*itertools.compress(self.names, some)],
            None if self.texts is None else [*itertools.compress(self.texts, some)],
            None if self.hues is None else [*itertools.compress(self.hues, some)],
        )


class Words(Protocol):
    """What a map asks of those who know about vectors."""

    def check(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the vectors there are to be shown; refuses what does not fit them."""

    def of(self, ids: NDArray[np.int64], places: NDArray[np.int64]) -> Described:
        """What is known of the vectors at some places."""

    def why(self, verdict: WhyNot[int]) -> str:
        """A verdict in words."""


class Given:
    """What a user gives along with an index: see `Index.map`."""

    def __init__(self, labels: Any, payloads: Any, color: Any) -> None:
        if isinstance(color, str) and payloads is None:
            raise InvalidInputError(
                f"color={color!r} names a field of the payloads, and there are none: pass "
                "payloads, or a value for each id as color"
            )
        self._given = {"labels": labels, "payloads": payloads}
        self._field = color if isinstance(color, str) else None
        if not isinstance(color, str):
            self._given["color"] = color

    def check(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """All of them; refuses what there is not one for each of."""
        for name, values in self._given.items():
            if values is None or isinstance(values, (Mapping, np.ndarray)):
                continue
            if not isinstance(values, Sequence) or isinstance(values, (str, bytes)):
                raise InvalidTypeError(
                    f"{name} must be a sequence in the order of ids(), or a mapping from id, "
                    f"not a {type(values).__name__}"
                )
        for name, values in self._given.items():
            if values is None or isinstance(values, Mapping):
                continue
            if len(values) != len(ids):
                raise InvalidInputError(
                    f"{name} has {len(values):,} entries, but the index {len(ids):,} vectors; "
                    "pass one for each in the order of ids(), or a mapping from id"
                )
        return np.ones(len(ids), bool)

    def of(self, ids: NDArray[np.int64], places: NDArray[np.int64]) -> Described:
        """What was given for the vectors at some places."""
        told = {name: _at(values, ids, places) for name, values in self._given.items()}
        hues = told.get("color")
        if self._field is not None:
            hues = by_field(self._field, told["payloads"] or [])
        names = [str(number) for number in ids[places].tolist()]
        texts = None
        if told["labels"] is not None or told["payloads"] is not None:
            none = [None] * len(names)
            pairs = zip(told["labels"] or none, told["payloads"] or none, strict=True)
            texts = [text_of(label, record, len(names)) for label, record in pairs]
        return Described(np.ones(len(names), bool), names, texts, hues)

    def why(self, verdict: WhyNot[int]) -> str:
        """A verdict in words."""
        return str(verdict)


def _at(values: Any, ids: NDArray[np.int64], places: NDArray[np.int64]) -> list[Any] | None:
    if values is None:
        return None
    if isinstance(values, Mapping):
        return [values.get(number) for number in ids[places].tolist()]
    if isinstance(values, np.ndarray):
        return list(values[places].tolist())
    return [values[place] for place in places.tolist()]


def by_field(field: str, records: list[Any]) -> list[Any]:
    """The field of each payload, where it has it."""
    hues = [record.get(field) if isinstance(record, Mapping) else None for record in records]
    if records and all(hue is None for hue in hues):
        refuse_no_field(field, (key for r in records[:100] if isinstance(r, Mapping) for key in r))
    return hues


def refuse_no_field(field: str, fields: Iterable[Any]) -> NoReturn:
    """Refuse a field that no payload has; ``fields`` are some that there are."""
    known = sorted({str(key) for key in fields})[:20]
    raise InvalidInputError(f"color={field!r}: no payload has that field; {known} are")


def colors(hues: list[Any] | None, name: str) -> dict[str, Any] | None:
    """Values for a scale if all are numbers, else kinds by how many there are of each."""
    if hues is None:
        return None
    given = [hue for hue in hues if hue is not None]
    if given and all(isinstance(h, numbers.Real) and not isinstance(h, bool) for h in given):
        values = [_on_scale(hue) for hue in hues]
        return {"name": name, "values": packed(np.array(values), np.float32)}
    counts: dict[str, int] = {}
    for hue in given:
        counts[str(hue)] = counts.get(str(hue), 0) + 1
    ranked = sorted(counts, key=lambda kind: (-counts[kind], kind))
    number = {kind: i for i, kind in enumerate(ranked[:KINDS])}
    kinds = [short(kind, 40) for kind in number]
    if len(number) < len(ranked) or len(given) < len(hues):
        kinds.append("other")
    of = [number.get(str(hue), len(number)) if hue is not None else len(number) for hue in hues]
    return {"name": name, "kinds": kinds, "of": packed(np.array(of), np.uint8)}


def _on_scale(hue: Any) -> float:
    """A number that a scale of colours can have; NaN, which has no colour, where it can't."""
    with contextlib.suppress(OverflowError):  # of an integer beyond all floats
        if hue is not None and abs(value := float(hue)) <= FARTHEST:
            return value
    return float("nan")


def text_of(label: Any, record: Any, count: int) -> str:
    """What is known of a vector, a line each: with ``count`` of them, of a size for a page."""
    letters = max(FEWEST, min(LETTERS, TEXTS // max(1, count)))
    lines = [] if label is None else [short(str(label), letters)]
    if isinstance(record, Mapping):
        fields = itertools.islice(record.items(), FIELDS)
        lines += [f"{short(str(key), 40)}: {short(str(value), 100)}" for key, value in fields]
    elif record is not None:
        lines.append(short(str(record), letters))
    return short("\n".join(lines), letters)


def short(text: str, letters: int) -> str:
    """A text, cut if it is longer."""
    return text if len(text) <= letters else text[: letters - 1] + "…"
