"""Bitmaps of declared fields say what `matches` says, whatever came and went."""

from __future__ import annotations

import datetime as dt
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from pyroaring import BitMap

from payloads import BEYOND, MOMENTS, NUMBERS, PAYLOADS, TEXTS, filters, payloads
from vicinal.errors import InvalidInputError
from vicinal.filters import FIELD_KINDS, Expr
from vicinal.filters import field as f
from vicinal.filters.bitmaps import PayloadIndex, column, tree

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True, scope="module")
def _small_nodes() -> Iterator[None]:
    """Nodes that a few rows fill, so that all are split, joined and dropped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "LEAF", 6)
        patch.setattr(tree, "FAN", 4)
        patch.setattr(tree, "FEW", 2)
        patch.setattr(column, "KEPT", 3)
        yield


def chosen(expr: Expr, index: PayloadIndex, rows: dict[int, Any], universe: BitMap) -> set[int]:
    """The slots that bitmaps select, and `matches` where these leave it open."""
    selection = expr.bitmap(index, universe)
    assert not selection.sure & selection.maybe
    assert selection.sure | selection.maybe <= universe
    assert (selection.rest is None) == (not selection.maybe)
    found = set(selection.sure)
    if selection.rest is not None:
        found |= {s for s in selection.maybe if selection.rest.matches(rows[s] or {})}
    return found


kinds = st.sampled_from(FIELD_KINDS)


class Machine(RuleBasedStateMachine):
    """Payloads come, change and go; every filter selects what it matches."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[int, Any] = {}

    @initialize(a=kinds, b=kinds, inner=kinds)
    def declare(self, a: Any, b: Any, inner: Any) -> None:
        self.index = PayloadIndex({"a": a, "b": b, "a.b": inner})

    @rule(first=st.integers(0, 60), drawn=st.lists(payloads() | st.none(), max_size=6))
    def update(self, first: int, drawn: list[Any]) -> None:
        rows = dict(enumerate(drawn, first))
        self.index.update(rows.items())
        self.rows |= rows

    @rule(first=st.integers(0, 60), start=st.integers(0, len(PAYLOADS)))
    def update_many(self, first: int, start: int) -> None:
        self.update(first, PAYLOADS[start : start + 25])

    @rule(slots=st.lists(st.integers(0, 90), max_size=12))
    def remove(self, slots: list[int]) -> None:
        self.index.remove(slots)
        for slot in slots:
            self.rows.pop(slot, None)

    @rule(first=st.integers(0, 90))
    def remove_many(self, first: int) -> None:
        self.remove([*range(first, first + 30)])

    @rule(expr=filters(), hidden=st.sets(st.integers(0, 90), max_size=4))
    def select(self, expr: Expr, hidden: set[int]) -> None:
        universe = BitMap(self.rows.keys() - hidden)
        expected = {slot for slot in universe if expr.matches(self.rows[slot] or {})}
        assert chosen(expr, self.index, self.rows, universe) == expected


TestMachine = Machine.TestCase
TestMachine.settings = settings(stateful_step_count=15)


few = st.sampled_from(["a", "b", "c"])
FEW_FILTERS = [
    *(ask(key) for key in "abc" for ask in (f.x.__eq__, f.x.contains, f.x.__lt__, f.x.__ge__)),
    *(f.x.between("a", "b"), f.x.is_in(["a", "c"]), f.x.exists()),
]


class FewValues(RuleBasedStateMachine):
    """Slots change between few values, so that each key has many slots, and is asked again."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[int, Any] = {}
        self.index = PayloadIndex({"x": "keyword"})

    @rule(first=st.integers(0, 30), drawn=st.lists(few | st.lists(few, max_size=3), max_size=25))
    def update(self, first: int, drawn: list[Any]) -> None:
        rows = {slot: {"x": value} for slot, value in enumerate(drawn, first)}
        self.index.update(rows.items())
        self.rows |= rows

    @rule(slots=st.sets(st.integers(0, 50), max_size=20))
    def remove(self, slots: set[int]) -> None:
        self.index.remove(slots)
        for slot in slots:
            self.rows.pop(slot, None)

    @invariant()
    def all_is_selected_as_it_matches(self) -> None:
        universe = BitMap(self.rows)
        for expr in FEW_FILTERS:
            expected = {slot for slot, payload in self.rows.items() if expr.matches(payload)}
            assert set(expr.bitmap(self.index, universe).sure) == expected, expr


TestFewValues = FewValues.TestCase
TestFewValues.settings = settings(stateful_step_count=12)


@pytest.mark.parametrize(("leaf", "fan"), [(6, 4), (2, 8)])
def test_slots_of_several_keys_are_not_lost_by_subtraction(
    leaf: int, fan: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "LEAF", leaf)
    monkeypatch.setattr(tree, "FAN", fan)
    for of_a, of_both in product(range(9), repeat=2):
        index = PayloadIndex({"x": "keyword"})
        index.update(enumerate([{"x": ["a"]}] * of_a + [{"x": ["a", "b"]}] * of_both))
        universe = BitMap(range(of_a + of_both))
        assert f.x.contains("a").bitmap(index, universe).sure == universe
        assert f.x.contains("b").bitmap(index, universe).sure == universe - BitMap(range(of_a))


def test_text_that_reads_as_a_moment_is_both() -> None:
    rows = {0: {"x": MOMENTS[0].isoformat()}, 1: {"x": "text"}, 2: {"x": [MOMENTS[0].isoformat()]}}
    for kind in ("keyword", "datetime"):
        index = PayloadIndex({"x": kind})  # type: ignore[dict-item]
        index.update(rows.items())
        for expr in (f.x == MOMENTS[0], f.x == MOMENTS[0].isoformat(), f.x.contains(MOMENTS[0])):
            expected = {slot for slot, payload in rows.items() if expr.matches(payload)}
            assert chosen(expr, index, rows, BitMap(rows)) == expected
            assert len(expected) == 1


@given(filters(), st.dictionaries(st.sampled_from(["a", "b", "a.b"]), kinds), st.integers(1, 20))
def test_any_filter_selects_what_it_matches(expr: Expr, fields: Any, step: int) -> None:
    rows = dict(enumerate(PAYLOADS[::step]))
    index = PayloadIndex(fields)
    index.update(rows.items())
    expected = {slot for slot, payload in rows.items() if expr.matches(payload)}
    assert chosen(expr, index, rows, BitMap(rows)) == expected


UTC = dt.timezone.utc
POINTS = [{"lat": lat, "lon": lon} for lat in range(-90, 91, 15) for lon in range(-180, 181, 30)]
OWN: dict[str, tuple[list[Any], list[Expr]]] = {
    "keyword": (
        TEXTS,
        [
            *(f.x == "a", f.x < "b", f.x <= "a", f.x > "a", f.x >= "a", f.x == "a\0"),
            *(f.x.startswith(prefix) for prefix in ("", "a", "2024", "\U0010ffff")),
            *(f.x.is_in(["a", "b", "zzz"]), f.x.is_in([]), f.x.between("a", "b")),
            f.x.contains("a"),
        ],
    ),
    "number": (
        [*NUMBERS, *BEYOND],
        [
            *(f.x < v for v in NUMBERS),
            *(f.x <= v for v in NUMBERS),
            *(f.x > v for v in NUMBERS),
            *(f.x >= v for v in NUMBERS),
            *(f.x == v for v in NUMBERS),
            *(f.x.between(*sorted(pair)) for pair in zip(NUMBERS, NUMBERS[3:], strict=False)),
            *(f.x.is_in(NUMBERS[2:9]), f.x.contains(2**53)),
        ],
    ),
    "bool": ([True, False], [f.x == True, f.x != True, f.x.is_in([True, False])]),  # noqa: E712
    "datetime": (
        [moment.isoformat() for moment in MOMENTS],
        [
            *(f.x > v for v in MOMENTS),
            *(f.x <= v for v in MOMENTS),
            *(f.x.is_in(MOMENTS[1:3]), f.x.contains(MOMENTS[0])),
        ],
    ),
    "geo": (
        POINTS,
        [f.x.near((lat, lon), km=km) for lat, lon in [(0, 0), (89, 10), (-90, 0), (37.5, -180)]
         for km in (0, 1, 1_667.9, 1_668, 6_000, 12_000, 20_015.1, 20_016)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FIELD_KINDS)
def test_declared_fields_need_nothing_else(kind: Any) -> None:
    values, exprs = OWN[kind]
    payloads = [{"x": value} for value in values] + [{"x": None}, {}]
    if kind != "geo":
        payloads += [{"x": values[i : i + 3]} for i in range(0, len(values), 2)]
    if kind == "number":
        payloads = [
            p for p in payloads if not isinstance(p.get("x"), list) or p["x"][0] not in BEYOND
        ]
    rows = dict(enumerate(payloads))
    index = PayloadIndex({"x": kind})
    index.update(rows.items())
    universe = BitMap(rows)
    seen = set()
    for expr in [*exprs, f.x.exists(), f.x.is_null(), f.x != None]:  # noqa: E711
        for either in (expr, ~expr, expr & f.x.exists(), expr | f.x.is_null()):
            selection = either.bitmap(index, universe)
            assert selection.rest is None, either
            expected = {slot for slot, payload in rows.items() if either.matches(payload)}
            assert set(selection.sure) == expected, either
            seen.add(frozenset(expected))
    assert len(seen) >= 4


def test_what_is_not_declared_is_left_to_sql() -> None:
    rows = {i: {"year": 2000 + i, "cat": "ab"[i % 2], "note": "n" * (i % 3)} for i in range(30)}
    index = PayloadIndex({"year": "number", "cat": "keyword"})
    index.update(rows.items())
    note = f.note == "n"
    narrow = ((f.year >= 2010) & (f.cat == "a") & note).bitmap(index, BitMap(rows))
    assert not narrow.sure
    assert set(narrow.maybe) == {10, 12, 14, 16, 18, 20, 22, 24, 26, 28}
    assert narrow.rest == note
    wide = ((f.year >= 2010) | note).bitmap(index, BitMap(rows))
    assert set(wide.sure) == set(range(10, 30))
    assert set(wide.maybe) == set(range(10))
    assert wide.rest == note
    alone = (~note).bitmap(index, BitMap(rows))
    assert (alone.sure, alone.maybe, alone.rest) == (BitMap(), BitMap(rows), ~note)


def test_values_of_another_kind_are_left_to_sql_alone() -> None:
    rows: dict[int, Any] = {0: {"x": 1}, 1: {"x": "1"}, 2: {"x": [1, "1"]}, 3: {"x": [2]}, 4: {}}
    index = PayloadIndex({"x": "number"})
    index.update(rows.items())
    assert set((f.x == "1").bitmap(index, BitMap(rows)).maybe) == {1, 2}
    assert (f.x == 1).bitmap(index, BitMap(rows)).rest is None
    index.remove([1, 2])
    assert (f.x == "1").bitmap(index, BitMap([0, 3, 4])).rest is None


def test_answers_are_copies() -> None:
    index = PayloadIndex({"x": "keyword"})
    index.update((i, {"x": "a"}) for i in range(20))
    universe = BitMap(range(20))
    for expr in (f.x == "a", f.x.exists(), f.x >= "", ~f.x.is_null()):
        expr.bitmap(index, universe).sure.clear()
        assert len(expr.bitmap(index, universe).sure) == 20
    assert len(universe) == 20


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"a": "text"}, "unknown kind of field a 'text'; choose one of keyword"),
        ({"a": "bool", r"\a": "bool"}, "declared twice"),
    ],
)
def test_a_wrong_declaration_is_refused(fields: Any, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        PayloadIndex(fields)
