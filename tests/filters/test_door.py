"""What can't be a filter is refused, with what to write instead."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from typing import TYPE_CHECKING, Any

import apsw
import numpy as np
import pytest

from vicinal.errors import InvalidInputError, InvalidTypeError
from vicinal.filters import And, Expr, Or, field, parse
from vicinal.filters.tree import MAX_CONDITIONS, MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Callable

f = field
UTC = dt.timezone.utc


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda: f.a == 1 and f.b == 2, "Write & | ~"),
        (lambda: not f.a == 1, "Write & | ~"),  # noqa: SIM201
        (lambda: 1 < f.a < 3, "field.between"),
        (lambda: f.a == 1 & f.b == 2, "parentheses"),
        (lambda: f.a == 1 | f.b, "parentheses"),
        (lambda: f.a & (f.b == 1), "compare it"),
        (lambda: ~f.a, "compare it"),
        (lambda: (f.a == 1) & True, "parentheses"),
        (lambda: {"a": 1} | (f.a == 1), "parentheses"),
        (lambda: f.a and f.b, "compare it"),
        (lambda: "x" in f.a, r"f.a.contains\('x'\)"),
        (lambda: list(f.a), "string"),
        (lambda: f.a == f.b, "must be a string, number, bool or datetime"),
        (lambda: f.a == [1], "is_in"),
        (lambda: f.a == {"b": 1}, r'f\["outer.inner"\]'),
        (lambda: f.a == b"x", "bytes"),
        (lambda: f.a < None, "is_null"),
        (lambda: f.a < True, "no order"),
        (lambda: f.a.is_in("abc"), "list of values"),
        (lambda: f.a.is_in(5), "list of values"),
        (lambda: f.a.is_in([1, None]), "value 1 can't be None"),
        (lambda: f.a.between(1, "b"), "two numbers"),
        (lambda: f.a.startswith(1), "takes text"),
        (lambda: f.a.near(5, km=1), "latitude, longitude"),
        (lambda: f.a.near((1, "x"), km=1), "longitude must be a number"),
        (lambda: f.a == dt.date(2024, 5, 31), "2024-05-31"),
        (lambda: f.a == np.datetime64("2024-05-31"), "datetime with a time zone"),
        (lambda: f[5], "string"),
        (lambda: f["a", 5], "string"),
        (lambda: parse([("a", 1)]), "a dict"),
        (lambda: parse(f.a), "fields, as in"),
        (lambda: parse({1: 2}), "string"),
        (lambda: parse({"a": [1]}), r"field a, \$eq"),
        (lambda: parse({"$and": {"a": 1}}), "list of filters"),
        (lambda: parse({"$or": []}), "list of filters"),
        (lambda: parse({"$or": [5]}), "is a dict"),
        (lambda: parse({"$not": 5}), "is a dict"),
        (lambda: parse({"a": {"$not": 5}}), "takes operators"),
        (lambda: parse({"a": {"$exists": 1}}), "true or false"),
        (lambda: parse({"a": {"$between": [1]}}), r"\[low, high\]"),
        (lambda: parse({"a": {"$near": {"lat": 1, "lon": 2}}}), "km"),
        (lambda: parse({"a": {"$in": "abc"}}), r"field a, \$in"),
    ],
)
def test_a_wrong_type_is_refused(write: Callable[[], Any], words: str) -> None:
    with pytest.raises(InvalidTypeError, match=words):
        write()


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda: f.a == dt.datetime(2024, 5, 31), "no time zone"),
        (
            lambda: f.a == dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=1))),
            "9999",
        ),
        (lambda: f.a == float("nan"), "nan"),
        (lambda: f.a < float("inf"), "leave that end open"),
        (lambda: f.a == 2**63, "64 bits"),
        (lambda: f.a == "\ud800", "surrogate"),
        (lambda: f["a\ud800"], "surrogate"),
        (lambda: f["a\0"], "NUL"),
        (lambda: f["a\\"], "ends in a backslash"),
        (lambda: f[".".join("a" * 200)], "keys"),
        (lambda: f[()], "keys"),
        (lambda: f.a.between(2, 1), "lower end comes first"),
        (lambda: f.a.near((91, 0), km=1), "latitude must be from -90 to 90"),
        (lambda: f.a.near((0, -181), km=1), "longitude must be from -180 to 180"),
        (lambda: f.a.near((0, float("nan")), km=1), "longitude"),
        (lambda: f.a.near((0, 0), km=-1), "0 or more"),
        (lambda: f.a.near((0, 0), km=float("inf")), "finite"),
        (lambda: parse({"a": {}}), "asked nothing"),
        (lambda: parse({"a": {"$gtt": 1}}), r"did you mean \$gt"),
        (lambda: parse({"a": {"b": 1}}), '"a.b"'),
        (lambda: parse({"$adn": []}), r"did you mean \$and"),
        (lambda: parse({"$gt": 1}), "behind a field"),
        (lambda: parse({"$or": [{}]}), "can't be empty"),
        (lambda: parse({"a": {"$date": "2024-05-31"}}), "2024-05-31T12:00:00Z"),
        (lambda: parse({"a": {"$date": "0001-01-01T00:00:00+01:00"}}), "beyond the years"),
    ],
)
def test_a_wrong_value_is_refused(write: Callable[[], Any], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        write()


FIELDS = {"year": "number", "cat": "keyword", "made.at": "datetime", "sold": "bool", "shop": "geo"}


@pytest.mark.parametrize(
    "expr",
    [
        (f.year > 1) & (f.cat == "a") | ~f["made.at"].exists(),
        f.cat.is_in(["a"]) & f.cat.contains("a") & f.cat.startswith("a"),
        (f.sold == True) & (f.shop.near((0, 0), km=1)) & f.sold.is_null(),  # noqa: E712
        f["made.at"] > dt.datetime(2024, 1, 1, tzinfo=UTC),
    ],
)
def test_declared_fields_are_let_through(expr: Expr) -> None:
    assert parse(expr, fields=FIELDS) == expr


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        (f.yaer > 1, "unknown field yaer: did you mean year"),
        ({"$or": [{"cat": "a"}, {"zzz": 1}]}, "unknown field zzz; there is cat, made.at, s"),
        (f.made.exists(), "made.at"),
    ],
)
def test_a_field_not_declared_is_refused(expr: Any, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        parse(expr, fields=FIELDS)


@pytest.mark.parametrize(
    "expr",
    [
        *(f.year > "2020", f.year.startswith("2"), f.year.near((0, 0), km=1)),
        *(f.cat == 1, f.cat.is_in(["a", 1]), f.shop == 1, f.sold.between(0, 1)),
        f["made.at"] == "2024-05-31T12:00:00Z",
    ],
)
def test_a_declared_field_is_compared_with_its_own_kind(expr: Expr) -> None:
    with pytest.raises(InvalidTypeError, match="is declared as"):
        parse(expr, fields=FIELDS)


def test_filters_of_any_allowed_size_are_taken_by_sqlite() -> None:
    deep: Expr = f.a == 1
    while deep.depth < MAX_DEPTH:
        deep = (deep & (f.b == 2)) if type(deep) is Or else (deep | (f.b == 2))
    with pytest.raises(InvalidInputError, match="levels"):
        deep & (f.b == 2) if type(deep) is Or else deep | (f.b == 2)
    wide = Or.of(*(f.a.near((i % 90, 0), km=1) for i in range(MAX_CONDITIONS)))
    with pytest.raises(InvalidInputError, match="is_in"):
        wide | (f.a == 1)
    many = f.a.is_in(range(200_000))
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE records (payload TEXT)")
    db.execute("""INSERT INTO records VALUES ('{"a": 1, "b": 2}'), (NULL)""")
    found = []
    for expr in (deep, wide, many, And.of(deep, many)):
        where, params = expr.sql()
        found += db.execute(f"SELECT count(*) FROM records AS r WHERE {where}", params)
    assert found == [(1,), (0,), (1,), (1,)]


def test_a_dict_nested_without_end_is_refused() -> None:
    spelled: dict[str, Any] = {"a": 1}
    for _ in range(5_000):
        spelled = {"$not": spelled}
    with pytest.raises(InvalidInputError, match="levels"):
        parse(spelled)
    behind: dict[str, Any] = {"$gt": 1}
    for _ in range(5_000):
        behind = {"$not": behind}
    with pytest.raises(InvalidInputError, match="levels"):
        parse({"a": behind})


def test_numpy_values_are_taken() -> None:
    assert (f.a == np.int64(3)) == (f.a == 3)
    assert (f.a == np.float32(0.5)) == (f.a == 0.5)
    assert (f.a == np.bool_(True)) == (f.a == True)  # noqa: E712
    assert f.a.is_in(np.arange(3)) == f.a.is_in([0, 1, 2])


def test_filters_can_be_copied_and_sent() -> None:
    expr = (f.a == 1) & ~f.b.is_in(["x"])
    assert pickle.loads(pickle.dumps(expr)) == copy.deepcopy(expr) == expr
