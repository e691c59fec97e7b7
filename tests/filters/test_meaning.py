"""A filter means the same in Python, in SQL and in either spelling, whatever the payloads."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payloads import PAYLOADS, filters, payloads
from vicinal.filters import Expr, Leaf, field, parse
from vicinal.filters.tree import leaves


def selected(expr: Expr, records: list[dict[str, Any]]) -> list[int]:
    """The records that SQLite selects, by their place."""
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE records (slot INTEGER PRIMARY KEY, id TEXT, payload TEXT NOT NULL)")
    for ascii_only in (True, False):  # either way of writing JSON
        db.executemany(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?)",
            [
                (slot, str(slot), json.dumps(payload, ensure_ascii=ascii_only))
                for slot, payload in enumerate(records)
                if slot % 2 == ascii_only
            ],
        )
    where, params = expr.sql()
    rows = db.execute(f"SELECT r.slot, {where} FROM records AS r ORDER BY r.slot", params)
    truths = dict(rows)
    assert set(truths.values()) <= {0, 1}
    return [slot for slot, truth in truths.items() if truth]


@given(filters(), st.lists(payloads(), max_size=8))
def test_sql_selects_what_matches(expr: Expr, drawn: list[dict[str, Any]]) -> None:
    records = [*PAYLOADS, *drawn]
    assert selected(expr, records) == [i for i, p in enumerate(records) if expr.matches(p)]


@given(filters())
def test_a_dict_says_the_same(expr: Expr) -> None:
    spelled = json.loads(json.dumps(expr.to_dict()))
    again = parse(spelled)
    assert again is not None
    for payload in PAYLOADS:
        assert again.matches(payload) == expr.matches(payload)
    assert again.to_dict() == expr.to_dict()


@given(filters())
def test_python_reads_back_what_repr_writes(expr: Expr) -> None:
    assert eval(repr(expr), {"f": field, "datetime": dt}) == expr
    assert hash(eval(repr(expr), {"f": field, "datetime": dt})) == hash(expr)


@given(filters(), payloads())
def test_not_is_the_other_half(expr: Expr, payload: dict[str, Any]) -> None:
    assert (~expr).matches(payload) is not expr.matches(payload)


def test_the_examples_are_worth_the_name() -> None:
    """Each kind of condition selects some of the fixed payloads, and leaves some."""
    seen: Counter[str] = Counter()

    @settings(max_examples=500, derandomize=True)  # chance might leave one out
    @given(filters())
    def count(expr: Expr) -> None:
        for part in (expr, *leaves(expr)):
            name = type(part.condition if isinstance(part, Leaf) else part).__name__
            seen.update(f"{name} {part.matches(payload)}" for payload in PAYLOADS)

    count()
    names = {
        *("Compare", "Between", "OneOf", "Contains", "StartsWith", "Near", "Exists", "IsNull"),
        *("And", "Or", "Not"),
    }
    assert {
        name for name in names if not seen[f"{name} True"] or not seen[f"{name} False"]
    } == set()


NOON = dt.datetime(2024, 5, 31, 12, tzinfo=dt.timezone.utc)
f = field


@pytest.mark.parametrize(
    ("expr", "value", "expected"),
    [
        (f.x == 1, 1.0, True),
        (f.x == 1, True, False),
        (f.x == True, 1, False),  # noqa: E712
        (f.x == "1", 1, False),
        (f.x < 2, "1", False),
        (f.x < "2", 1, False),
        (f.x == 2**53 + 1, 2**53 + 1, True),
        (f.x == 2**53 + 1, float(2**53), False),
        (f.x > float(2**53), 2**53 + 1, True),
        (f.x > 0, 2**63, False),  # more than 64 bits: no number to a filter
        (f.x == 0.1, 0.1, True),
        (f.x == 0, -0.0, True),
        (f.x < "a", "B", True),  # by code point
        (f.x > "z", "é", True),
        (f.x > "\uffff", "\U00010000", True),  # not by UTF-16
        (f.x == "a", "a\0", False),
        (f.x == "a", ["a"], False),
        (f.x.contains("a"), ["b", "a"], True),
        (f.x.contains("a"), "a", False),
        (f.x.contains(1), [True], False),
        (f.x.is_in([1, "a"]), "a", True),
        (f.x.is_in([]), "a", False),
        (f.x.between(1, 2), 2, True),
        (f.x.startswith(""), "", True),
        (f.x.startswith("\U0010ffff"), "\U0010ffffa", True),
        (f.x.startswith("%"), "a", False),
        (f.x.is_null(), None, True),
        (f.x.exists(), None, True),
        (f.x == None, None, True),  # noqa: E711
        (f.x == NOON, "2024-05-31T14:00:00+02:00", True),
        (f.x == NOON, "2024-05-31 12:00:00.000Z", True),
        (f.x == NOON, "2024-05-31T12:00:00", False),  # no zone: no moment
        (f.x < NOON, "2024-02-30T12:00:00Z", False),  # no such day
        (f.x < NOON, "2024-05-31T11:59:60Z", False),
        (f.x >= "2024-05-31", "2024-05-31T12:00:00Z", True),
        (f.x.near((52.52, 13.405), km=255), {"lat": 53.55, "lon": 9.993}, False),
        (f.x.near((52.52, 13.405), km=256), {"lat": 53.55, "lon": 9.993}, True),
        (f.x.near((0, 180), km=1), {"lat": 0, "lon": -180}, True),
        (f.x.near((90, 0), km=30_000), {"lat": -90, "lon": 0, "name": "pole"}, True),
        (f.x.near((0, 0), km=1), {"lat": 0, "lon": True}, False),
        (f.x.near((0, 0), km=30_000), {"lat": 91, "lon": 0}, False),
        (f["x.y"] == 1, {"y": 1}, True),
        (f["x.0"] == 1, [1], False),  # keys lead into objects only
        (f["x.y"] == 1, [{"y": 1}], False),
        (f.x["a.b"] == 1, {"a": {"b": 1}}, True),
        (f["x", "a.b"] == 1, {"a.b": 1}, True),
        (f[r"x.a\.b"] == 1, {"a.b": 1}, True),
    ],
    ids=repr,
)
def test_a_value_is_compared_so(expr: Expr, value: Any, expected: bool) -> None:
    assert expr.matches({"x": value}) is expected
    assert bool(selected(expr, [{"x": value}])) is expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (f.x == 1, False),
        (f.x != 1, True),  # as in MongoDB: whatever does not equal
        (~f.x.is_in([1]), True),
        (~(f.x < 1), True),
        (f.x.exists(), False),
        (f.x.is_null(), False),
        (f.x == None, True),  # noqa: E711
        (f.x != None, False),  # noqa: E711
    ],
    ids=repr,
)
def test_a_missing_field_is_compared_so(expr: Expr, expected: bool) -> None:
    assert expr.matches({"y": 1}) is expected
    assert bool(selected(expr, [{"y": 1}])) is expected


def test_no_payload_is_an_empty_one() -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE records (payload TEXT)")
    db.execute("INSERT INTO records VALUES (NULL)")
    for expr in (f.x == 1, f.x != 1, f.x.exists(), ~f.x.exists(), f.x.is_null()):
        where, params = expr.sql()
        ((truth,),) = db.execute(f"SELECT {where} FROM records AS r", params)
        assert bool(truth) is expr.matches({})


@pytest.mark.parametrize(
    ("spelled", "expr"),
    [
        ({"x": 1}, f.x == 1),
        ({"x": {"$eq": 1}}, f.x == 1),
        ({"x": {"$ne": 1}}, f.x != 1),
        ({"x": {"$gt": 1, "$lte": 3}}, (f.x > 1) & (f.x <= 3)),
        ({"x": {"$gte": 1}, "y": {"$lt": "b"}}, (f.x >= 1) & (f.y < "b")),
        ({"x": {"$in": [1, "a"]}}, f.x.is_in([1, "a"])),
        ({"x": {"$nin": [1]}}, ~f.x.is_in([1])),
        ({"x": {"$contains": "a"}}, f.x.contains("a")),
        ({"x": {"$between": [1, 2]}}, f.x.between(1, 2)),
        ({"x": {"$prefix": "a"}}, f.x.startswith("a")),
        ({"x": {"$near": {"lat": 1, "lon": 2, "km": 3}}}, f.x.near((1, 2), km=3)),
        ({"x": {"$exists": True}}, f.x.exists()),
        ({"x": {"$exists": False}}, ~f.x.exists()),
        ({"x": {"$null": True}}, f.x.is_null()),
        ({"x": None}, f.x == None),  # noqa: E711
        ({"x": {"$not": {"$gt": 1, "$lt": 3}}}, ~((f.x > 1) & (f.x < 3))),
        ({"$not": {"x": 1, "y": 2}}, ~((f.x == 1) & (f.y == 2))),
        ({"$or": [{"x": 1}, {"$and": [{"y": 2}, {"z": 3}]}]}, (f.x == 1) | (f.y == 2) & (f.z == 3)),
        ({"x": {"$gte": {"$date": "2024-05-31T14:00:00+02:00"}}}, f.x >= NOON),
        ({"x": {"$date": "2024-05-31T12:00:00Z"}}, f.x == NOON),
        ({"x": NOON}, f.x == NOON),
        ({"a.b": 1}, f["a.b"] == 1),
        ({r"a\.b": 1}, f["a.b",] == 1),
        ({r"\$x": 1}, f[r"$x",] == 1),
    ],
    ids=repr,
)
def test_a_dict_is_read_so(spelled: dict[str, Any], expr: Expr) -> None:
    assert parse(spelled) == expr
    assert parse(expr) == expr


def test_no_filter_is_none() -> None:
    assert parse(None) is None
    assert parse({}) is None


def test_filters_are_values() -> None:
    assert len({f.x == 1, f.x == 1, f.x == True, f.x == "1"}) == 3  # noqa: E712
    assert ~~(f.x == 1) == (f.x == 1)
