"""Payloads that try what JSON allows, and filters that may meet them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from vicinal.filters import And, Expr, Or, field

if TYPE_CHECKING:
    from vicinal.filters.fields import Field

#: Keys that paths, SQL or JSON could stumble over, and some that often meet.
KEYS = ["a", "b", "a.b", "é", 'q"uote', "it's", "back\\slash", "$x", "", "0", "lat", "\n"]

TEXTS = [
    "", "a", "ab", "b", "B", "é", "e\u0301", "a\0", "a\0b", "%", "\uffff", "\U0001f600",
    "\U0010ffff",
    "1", "true", "null", "[1]", '{"a": 1}', "it's", 'q"',
    "2024-05-31T12:00:00Z", "2024-05-31T14:00:00+02:00", "2024-05-31 12:00:00.5-00:00",
    "2024-05-31T12:00:00", "2024-05-31", "2024-02-30T12:00:00Z", "2024-05-31T24:00:00Z",
    "2024-05-31T12:00:00.1234567891Z", "2024-05-31T12:00:00.123456789Z", "2024-05-31T12:00:00.Z",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-23:59", "0000-01-01T00:00:00Z",
    "2024-05-31T12:00:00Z\0", "2024-05-31T12:00:00+24:00", "2024-05-31T12:00:60Z",
]  # fmt: skip
NUMBERS = [
    0, 1, -1, 2, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 0.0, -0.0, 0.1, 1.0, 1.5, float(2**53),
    5e-324, 1.7976931348623157e308, 2.0**63, -(2.0**63), 1e22,
]  # fmt: skip
BEYOND = [2**63, -(2**63) - 1, 2**64, 10**25]
UTC = dt.timezone.utc
MOMENTS = [
    dt.datetime(2024, 5, 31, 12, tzinfo=UTC),
    dt.datetime(2024, 5, 31, 12, 0, 0, 500_000, tzinfo=UTC),
    dt.datetime(2024, 5, 31, 12, 0, 0, 123_456, tzinfo=UTC),
    dt.datetime(1, 1, 1, tzinfo=UTC),
    dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]

texts = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
numbers = (
    st.sampled_from(NUMBERS)
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
moments = st.sampled_from(MOMENTS) | st.datetimes(
    dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1), timezones=st.just(UTC)
)
isos = moments.map(lambda moment: moment.isoformat())
places = st.fixed_dictionaries(
    {"lat": st.floats(-91, 91) | numbers | texts, "lon": st.floats(-181, 181) | st.none() | numbers}
)
scalars = st.none() | st.booleans() | numbers | st.sampled_from(BEYOND) | texts | isos


def payloads() -> st.SearchStrategy[dict[str, Any]]:
    """Objects of a few keys, nested."""
    value = st.recursive(
        scalars | places,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
        ),
        max_leaves=6,
    )
    keys = st.sampled_from(KEYS) | texts.filter(lambda text: "\0" not in text)
    return st.dictionaries(keys, value, max_size=4)


def fields() -> st.SearchStrategy[Field]:
    """Fields at the top, and inside of another."""
    paths = st.lists(st.sampled_from(KEYS), min_size=1, max_size=2).map(tuple)
    return (st.sampled_from([("a",), ("b",), ("a", "b")]) | paths).map(lambda path: field[path])


values = numbers | texts | moments | st.booleans()
ordered = st.one_of(numbers, texts, moments)


@st.composite
def conditions(draw: st.DrawFn) -> Expr:
    """One condition on one field."""
    it = draw(fields())
    match draw(st.integers(0, 10)):
        case 0:
            return it == draw(values | st.none())
        case 1:
            return it < draw(ordered)
        case 2:
            return it >= draw(ordered)
        case 3:
            return it > draw(ordered)
        case 4:
            known = st.sampled_from([*TEXTS, *NUMBERS, True])
            return it.is_in(draw(st.lists(known, max_size=6) | st.lists(values, max_size=3)))
        case 5:
            ends = sorted(draw(st.sampled_from([numbers, texts, moments]).flatmap(_pairs)))
            return it.between(*ends)
        case 6:
            return it.contains(draw(values))
        case 7:
            return it.startswith(draw(texts))
        case 8:
            point = draw(st.floats(-90, 90)), draw(st.floats(-180, 180))
            return it.near(
                point, km=draw(st.sampled_from([0, 5_000, 15_000]) | st.floats(0, 30_000))
            )
        case 9:
            return it.exists()
    return it.is_null()


def _pairs(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any]]:
    return st.tuples(of, of)


def filters() -> st.SearchStrategy[Expr]:
    """Conditions, joined."""
    return st.recursive(
        conditions(),
        lambda inner: (
            inner.map(lambda part: ~part)
            | st.lists(inner, min_size=2, max_size=3).map(lambda parts: And.of(*parts))
            | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or.of(*parts))
        ),
        max_leaves=5,
    )


#: Payloads in which each of the texts, numbers and others is met at the fields that filters ask.
PAYLOADS: list[dict[str, Any]] = [
    {},
    *({"a": value} for value in [*TEXTS, *NUMBERS, *BEYOND, None, True, False]),
    {"a": TEXTS, "b": NUMBERS},
    {"a": [True, None, [1], {"b": 1}]},
    {"a": {"b": 1, "a": "a", "0": None}, "b": {"b": [], "a": {"lat": 1, "lon": 2}}},
    {"a": [{"b": 1}, {"b": "a"}], "a.b": 1},
    {"a": {"lat": 52.52, "lon": 13.405}, "b": {"lat": -90, "lon": 180}},
    {"a": {"lat": 0, "lon": 0.0}, "b": {"lat": 90.5, "lon": 0}},
    {"a": {"lat": True, "lon": 0}, "b": {"lat": "1", "lon": 0}},
    *({key: dict.fromkeys(KEYS, 1)} for key in KEYS),
    *({key: "a"} for key in KEYS),
]
