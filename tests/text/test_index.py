"""Text search finds what is there, ranks it by BM25, and takes any text as a query."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from payloads import payloads
from vicinal.errors import InvalidInputError, InvalidTypeError
from vicinal.filters import field as f
from vicinal.text import TextIndex, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BODY = TextIndex("words", "records", ["body"])
BOTH = TextIndex('odd "name"', "records", ["title", "maker.name", "a b"])


def database(index: TextIndex, rows: Iterable[tuple[int, Any]]) -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE records (slot INTEGER PRIMARY KEY, payload TEXT)")
    rows = list(rows)
    connection.executemany(
        "INSERT INTO records VALUES (?, ?)", ((slot, json.dumps(it)) for slot, it in rows)
    )
    index.create(connection)
    index.add(connection, rows)
    return connection


def bodies(*texts: str | None) -> apsw.Connection:
    return database(BODY, enumerate({"body": text} for text in texts))


def found(
    connection: apsw.Connection, query: str, index: TextIndex = BODY, **knobs: Any
) -> set[int]:
    return {slot for slot, _ in index.search(connection, query, 100, **knobs)}


def bm25(rows: dict[int, list[str]], query: Sequence[str]) -> dict[int, float]:
    """Okapi BM25 as FTS5 documents it, of rows of words."""
    scores: dict[int, float] = {}
    average = sum(map(len, rows.values())) / len(rows) if rows else 0
    for word in dict.fromkeys(query):
        holding = [slot for slot, words in rows.items() if word in words]
        idf = math.log((len(rows) - len(holding) + 0.5) / (len(holding) + 0.5))
        for slot in holding:
            count = Counter(rows[slot])[word]
            length = 1.2 * (1 - 0.75 + 0.75 * len(rows[slot]) / average)
            score = max(idf, 1e-6) * count * 2.2 / (count + length)
            scores[slot] = scores.get(slot, 0.0) + score
    return scores


words = st.sampled_from(["ant", "bee", "cow", "dog", "eel", "fox"])
texts = st.lists(words, min_size=1, max_size=8)


class Machine(RuleBasedStateMachine):
    """Rows come and go, in transactions that may be rolled back; brute force knows the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.connection = bodies()
        self.rows: dict[int, list[str]] = {}
        self.slot = 0

    @rule(texts=st.lists(texts, min_size=1, max_size=4), keep=st.booleans())
    def add(self, texts: list[list[str]], keep: bool) -> None:
        rows = {self.slot + i: text for i, text in enumerate(texts)}
        try:
            with self.connection:
                BODY.add(self.connection, ((s, {"body": " ".join(t)}) for s, t in rows.items()))
                if not keep:
                    raise KeyError
        except KeyError:
            return
        self.slot += len(texts)
        self.rows |= rows

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        slots = data.draw(st.lists(st.integers(0, self.slot + 1), max_size=4))
        BODY.remove(self.connection, slots)
        for slot in slots:
            self.rows.pop(slot, None)

    @rule(query=st.lists(words, min_size=1, max_size=3), k=st.integers(1, 5))
    def search_is_bm25(self, query: list[str], k: int) -> None:
        got = BODY.search(self.connection, " ".join(query), k)
        expected = bm25(self.rows, query)
        best = sorted(expected.values(), reverse=True)[:k]
        assert [score for _, score in got] == pytest.approx(best)
        for slot, score in got:
            assert score == pytest.approx(expected[slot])
        assert got == sorted(got, key=lambda pair: (-pair[1], pair[0]))

    @rule(query=st.lists(words, min_size=1, max_size=3))
    def all_of_the_words_are_there(self, query: list[str]) -> None:
        expected = {slot for slot, words in self.rows.items() if set(query) <= set(words)}
        assert found(self.connection, " ".join(query), match="all") == expected

    @rule(query=st.lists(words, min_size=1, max_size=3))
    def phrases_are_in_a_row(self, query: list[str]) -> None:
        phrase = " ".join(query)
        expected = {
            slot for slot, words in self.rows.items() if f" {phrase} " in f" {' '.join(words)} "
        }
        assert found(self.connection, phrase, match="phrase") == expected
        assert found(self.connection, f'"{phrase}"') == expected

    @invariant()
    def the_index_is_sound(self) -> None:
        self.connection.execute("INSERT INTO words(words) VALUES ('integrity-check')")


TestMachine = Machine.TestCase


@given(st.text(max_size=30), st.sampled_from(["any", "all", "phrase"]))
def test_no_text_is_a_mistake(query: str, match: Any) -> None:
    connection = bodies("NOT a AND b", query.encode("utf-8", "replace").decode())
    try:
        query.encode()
    except UnicodeEncodeError:
        with pytest.raises(InvalidInputError, match="surrogate"):
            BODY.search(connection, query, 5, match=match)
    else:
        BODY.search(connection, query, 5, match=match)
        BODY.highlight([{"body": query}], query, match=match)


@pytest.mark.parametrize(
    "query",
    ["", "  ", '"', '""', "!!!", "AND", "a OR", "NEAR(", "*", "^", "a:b", "-a", "\0", "(" * 999],
)
def test_what_fts5_would_read_as_syntax_is_text(query: str) -> None:
    connection = bodies("nothing of it")
    assert BODY.search(connection, query, 5) == []
    assert BODY.search(connection, query, 5, match="all") == []


def test_operators_are_words() -> None:
    connection = bodies("salt and pepper", "salt", "to be or not to be")
    assert found(connection, "salt AND pepper", match="phrase") == {0}
    assert found(connection, "NOT", match="all") == {2}
    assert found(connection, "salt & pepper", match="all") == {0}


@given(st.lists(payloads(), max_size=5))
def test_any_payload_can_be_indexed(rows: list[dict[str, Any]]) -> None:
    index = TextIndex("words", "records", ["a", "a.b", r"a\.b"])
    connection = database(index, enumerate(rows))
    index.remove(connection, range(len(rows)))
    assert not found(connection, "a b 1 true null", index)


def test_fields_are_told_apart() -> None:
    rows = [
        {"title": "red shoe", "maker": {"name": "blue"}, "a b": None},
        {"title": "blue hat", "maker": {"name": ["red", 5, "green"]}},
        {"maker": "red"},
        None,
    ]
    connection = database(BOTH, enumerate(rows))
    assert found(connection, "red", BOTH) == {0, 1}
    assert found(connection, "red", BOTH, fields=["title"]) == {0}
    assert found(connection, "red green", BOTH, fields=["title", "maker.name"], match="all") == {1}
    by_title = BOTH.search(connection, "red", 5, weights={"title": 10})
    assert [slot for slot, _ in by_title] == [0, 1]
    by_maker = BOTH.search(connection, "red", 5, weights={"maker.name": 10})
    assert [slot for slot, _ in by_maker] == [1, 0]
    assert [s for _, s in BOTH.search(connection, "red", 5, weights={"title": 0})][-1] == 0


def test_filters_apply() -> None:
    connection = database(BODY, ((i, {"body": "word", "year": i}) for i in range(20)))
    where = ((f.year >= 5) & (f.year != 7)).sql()
    assert found(connection, "word", where=where) == set(range(5, 20)) - {7}
    assert BODY.search(connection, "word", 2, where=where)[1][0] == 6
    assert [s for s, _ in BODY.search(connection, "word", 3, among={9, 3, 4, 12})] == [3, 4, 9]
    assert found(connection, "word", among={3, 9}, where=where) == {9}


def test_words_are_cut_as_asked() -> None:
    for text, query, knobs, expected in [
        ("Running SHOES", "running shoes", {}, True),
        ("running", "runs", {}, False),
        ("running", "runs", {"kind": "porter"}, True),
        ("café", "cafe", {}, True),
        ("cafe\u0301", "café", {}, True),
        ("café", "cafe", {"diacritics": True}, False),
        ("x-ray", "ray", {}, True),
        ("x-ray", "ray", {"letters": "-'\""}, False),
        ("x1y", "x", {}, False),
        ("x1y", "x", {"separators": "1"}, True),
        ("Straße", "raß", {"kind": "trigram"}, True),
        ("xÉy", "xey", {"kind": "trigram"}, True),
        ("xÉy", "xey", {"kind": "trigram", "diacritics": True}, False),
        ("xÉy", "XÉY", {"kind": "trigram", "diacritics": True}, True),
        ("xÉy", "XÉY", {"kind": "trigram", "diacritics": True, "case": True}, False),
    ]:
        index = TextIndex("words", "records", ["body"], Tokenizer(**knobs))
        connection = database(index, [(1, {"body": text})])
        assert bool(found(connection, query, index)) is expected, (text, query, knobs)


def test_substrings_are_found() -> None:
    index = TextIndex("words", "records", ["body"], Tokenizer("trigram"))
    connection = database(index, [(1, {"body": 'say "hi" to 100%_x'}), (2, {"body": "other"})])
    for substring, slot in [('y "h', 1), ('"hi"', 1), ("00%_", 1), ("the", 2), ("OTH", 2)]:
        assert found(connection, substring, index, match="phrase") == {slot}
    with pytest.raises(InvalidInputError, match="3 characters"):
        index.search(connection, "ay", 5, match="phrase")


def test_what_was_found_is_marked() -> None:
    rows = [{"body": "the quick brown fox jumps over the lazy dog " * 3}, {"body": "none"}, {}]
    marked = BODY.highlight(rows, "fox DOG", before="[", after="]")
    assert marked[0]["body"].startswith("the quick brown [fox] jumps over the lazy [dog] the")
    assert marked[1:] == [{"body": "none"}, {}]
    (snippet, *_) = BODY.highlight(rows, "lazy", words=3)
    assert snippet["body"].count("**lazy**") >= 1
    assert len(snippet["body"].split()) <= 3
    assert BODY.highlight(rows, "cat", words=2)[0] == {"body": "the quick…"}
    assert BODY.highlight(rows, "cat", words=2)[1] == {"body": "none"}
    assert BODY.highlight(rows, "", words=64)[1] == {"body": "none"}


def test_experts_write_fts5() -> None:
    connection = bodies("one two three", "one three two")
    assert found(connection, "NEAR(one three, 0)", raw=True) == {1}
    assert found(connection, "body: one NOT ^two AND thr*", raw=True) == {0, 1}
    for wrong in ('"', "AND", "nowhere: x", "*x", ""):
        with pytest.raises(InvalidInputError, match="fts5"):
            BODY.search(connection, wrong, 5, raw=True)
        with pytest.raises(InvalidInputError, match="fts5"):
            BODY.highlight([{"body": "x"}], wrong, raw=True)
    with pytest.raises(InvalidInputError, match="NUL"):
        BODY.search(connection, "one\0 x", 5, raw=True)


@pytest.mark.parametrize(
    ("error", "call", "words"),
    [
        (InvalidInputError, lambda c: BODY.search(c, "a", 0), "k must be"),
        (InvalidTypeError, lambda c: BODY.search(c, 5, 1), "query must be a string"),
        (InvalidInputError, lambda c: BODY.search(c, "a", 1, fields=["bdy"]), "mean body"),
        (InvalidInputError, lambda c: BODY.search(c, "a", 1, weights={"bdy": 1}), "mean body"),
        (InvalidInputError, lambda c: BODY.search(c, "a", 1, weights={"body": -1}), "0 or more"),
        (InvalidInputError, lambda c: BODY.search(c, "a", 1, match="some"), "unknown match"),
        (InvalidInputError, lambda c: BODY.search(c, "a", 1, fields=["body"], raw=True), "raw"),
        (InvalidInputError, lambda c: BODY.search(c, " ".join(map(str, range(1001))), 1), "1,000"),
        (InvalidInputError, lambda _: BODY.highlight([], "a", words=65), "from 1 to 64"),
        (InvalidInputError, lambda _: TextIndex("t", "r", "body"), "list of fields"),
        (InvalidInputError, lambda _: TextIndex("t", "r", []), "list of fields"),
        (InvalidInputError, lambda _: TextIndex("t", "r", ["Rank"]), "kept by SQLite"),
        (InvalidInputError, lambda _: TextIndex("t", "r", ["a", "A"]), "twice"),
        (InvalidInputError, lambda _: Tokenizer("french"), "choose one of"),
        (InvalidInputError, lambda _: Tokenizer("trigram", letters="-"), "trigram"),
        (InvalidInputError, lambda _: Tokenizer(case=True), "folds case"),
        (InvalidInputError, lambda _: Tokenizer("trigram", case=True), "diacritics=True"),
        (InvalidInputError, lambda _: Tokenizer(letters="\0"), "NUL"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(error: type[Exception], call: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call(bodies("text"))
