"""Records come back as they were given, or were refused and nothing was written."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vicinal
from payloads import payloads
from vicinal.records.rows import to_text, to_texts
from vicinal.records.table import DEFERRED

X = np.arange(80, dtype=np.float32).reshape(10, 8)

UNUSUAL = [
    "ö",
    "o\u0308",
    "日本",
    "😀",
    "'; DROP TABLE x",
    "a\nb",
    " ",
    "1",
    1,
    -(2**63),
    2**63 - 1,
    uuid.UUID(int=9),
]


def test_ids_are_kept_exactly(docs) -> None:
    rows = np.arange(len(UNUSUAL) * 8).reshape(-1, 8)
    docs.upsert(UNUSUAL, rows, [{"n": n} for n in range(len(UNUSUAL))])
    assert [r.id for r in docs.get(UNUSUAL)] == UNUSUAL
    assert [r.payload["n"] for r in docs.get(UNUSUAL)] == list(range(len(UNUSUAL)))
    assert [type(r.id) for r in docs.get(["1", 1])] == [str, int]
    assert [r.id for r in docs.scroll().records] == UNUSUAL


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        {"": 1},
        {"a.b": {"c'\"": [1, None, True, 2.5, "\0", "ü", 2**63 - 1, -0.0, 1e300]}},
        {"deep": [[[[{"x": [{}]}]]]]},
    ],
)
def test_payloads_come_back_equal(docs, payload) -> None:
    docs.upsert(["a"], X[:1], [payload])
    assert docs.get(["a"])[0].payload == payload


def outcome(write: Any) -> list[str]:
    """What comes back of the texts that are written; repr tells 1 from 1.0 and 0.0 from -0.0."""
    try:
        return [repr(json.loads(text or "null")) for text in write()]
    except vicinal.VicinalError as error:
        return [type(error).__name__, str(error)]


@given(st.lists(payloads() | st.none(), max_size=4))
def test_plain_payloads_are_written_as_all_others_are(given) -> None:
    one_by_one = [lambda row=row: to_text(given[row], row) for row in range(len(given))]
    together = outcome(lambda: to_texts(given, len(given)))
    assert together == outcome(lambda: [write() for write in one_by_one])


def test_what_json_has_no_word_for_becomes_text(docs) -> None:
    name, when = uuid.uuid4(), dt.datetime(2024, 5, 6, 7, tzinfo=dt.timezone.utc)
    docs.upsert(
        ["a"], X[:1], [{"u": name, "t": when, "n": np.int64(3), "v": np.arange(2), "p": (1,)}]
    )
    assert docs.get(["a"])[0].payload == {
        "u": str(name),
        "t": when.isoformat(),
        "n": 3,
        "v": [0, 1],
        "p": [1],
    }


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i8", "u8", "bits"])
def test_vectors_come_back_as_stored(db, dtype) -> None:
    metric = "hamming" if dtype == "bits" else "l2"
    docs = db.collection("docs", dim=12, metric=metric, dtype=dtype, if_missing="create")
    rows = np.arange(36).reshape(3, 12) % 5
    docs.upsert([1, 2, 3], rows > 2 if dtype == "bits" else rows)
    held = np.stack([r.vectors["vector"] for r in docs.get([1, 2, 3], vectors=True)])
    assert (held == (np.packbits(rows > 2, axis=1) if dtype == "bits" else rows)).all()


def test_several_vectors_a_record(db) -> None:
    both = {"title": {"dim": 4}, "body text": {"dim": 8, "metric": "ip", "dtype": "f16"}}
    docs = db.collection("docs", vectors=both, if_missing="create")
    docs.upsert(["a", "b"], {"title": np.eye(4)[:2], "body text": X[:2]})
    docs.upsert(["b"], {"title": np.eye(4)[3:]})
    a, b = docs.get(["a", "b"], vectors=True)
    assert set(a.vectors) == set(both)
    assert (a.vectors["body text"] == X[0]).all()
    assert set(b.vectors) == {"title"}
    docs.set_payload(["a", "b"], {"seen": True})
    assert [set(r.vectors) for r in docs.get(["a", "b"], vectors=True)] == [set(both), {"title"}]
    with pytest.raises(vicinal.InvalidInputError, match="no vectors named 'other'"):
        docs.upsert(["c"], {"other": X[:1]})


@pytest.mark.parametrize("count", [10, DEFERRED + 5])
def test_an_upsert_takes_the_place_of_what_was_there(db, count) -> None:
    docs = db.collection("docs", dim=1, metric="l2", if_missing="create")
    ids = [f"n{i}" for i in range(count)]
    for turn in range(3):
        payloads = [{"turn": turn, "i": i} for i in range(count)]
        docs.upsert(ids[turn:], np.full((count, 1), turn)[turn:], payloads[turn:])
    assert len(docs) == count
    held = docs.get([ids[0], ids[1], ids[-1]], vectors=True)
    assert [r.payload["turn"] for r in held] == [0, 1, 2]
    assert [r.vectors["vector"][0] for r in held] == [0, 1, 2]


def test_set_payload_merges_or_replaces(docs) -> None:
    docs.upsert(["a", "b"], X[:2], [{"x": 1, "y": 1}, None])
    assert docs.set_payload(["a", "b"], {"y": 2}) == 2
    assert [r.payload for r in docs.get(["a", "b"])] == [{"x": 1, "y": 2}, {"y": 2}]
    docs.set_payload(["a"], {"z": 0}, replace=True)
    assert docs.get(["a"], vectors=True)[0].payload == {"z": 0}
    assert (docs.get(["a"], vectors=True)[0].vectors["vector"] == X[0]).all()
    with pytest.raises(vicinal.NotFoundError, match="no record 'c'"):
        docs.set_payload(["a", "c"], {"z": 9})
    assert docs.get(["a"])[0].payload == {"z": 0}


def test_delete_counts_what_was_there(docs) -> None:
    docs.upsert([1, 2, 3], X[:3])
    assert docs.delete([1, 9, 3, 3]) == 2
    assert (len(docs), 1 in docs, 2 in docs, "2" in docs, None in docs) == (
        1,
        False,
        True,
        False,
        False,
    )
    with pytest.raises(vicinal.NotFoundError, match="no record 1"):
        docs.get([2, 1])
    assert [r and r.id for r in docs.get([2, 1], missing="none")] == [2, None]


def test_scroll_walks_all_in_the_order_of_writing(docs) -> None:
    docs.upsert(list(range(10)), X)
    docs.upsert([3], X[:1])
    docs.delete([5])
    seen: list[Any] = []
    cursor = None
    while True:
        page = docs.scroll(after=cursor, limit=3)
        seen += [r.id for r in page.records]
        if (cursor := page.cursor) is None:
            break
    assert seen == [0, 1, 2, 4, 6, 7, 8, 9, 3]


REFUSED = [
    ({"ids": ["a", ""]}, "row 1 is the empty string"),
    ({"ids": ["a", "x" * 2**20]}, "row 1 has 1,048,576 bytes"),
    ({"ids": ["a", "\ud800"]}, "row 1 is not valid Unicode"),
    ({"ids": ["a", "b\0c"]}, "row 1 holds a NUL"),
    ({"ids": ["a", 2**63]}, "row 1 is 9223372036854775808"),
    ({"ids": ["a", True]}, "row 1 must be a string"),
    ({"ids": ["a", 1.0]}, "row 1 must be a string"),
    ({"ids": ["a", None]}, "row 1 must be a string"),
    ({"ids": "ab"}, r"write \[id\]"),
    ({"ids": ["a", "a"]}, "row 1 repeats 'a' of row 0"),
    ({"ids": ["a"], "payloads": None}, "2 vectors"),
    ({"vectors": None}, "vectors are missing"),
    ({"vectors": X[:2, :5]}, "5 components"),
    ({"vectors": [[1.0] * 8, [float("nan")] * 8]}, "row 1: component 0 is NaN"),
    ({"vectors": [["x"] * 8] * 2}, "must be numbers"),
    ({"payloads": [{}]}, "1 payloads for 2 ids"),
    ({"payloads": {"a": 1}}, r"write \[payload\]"),
    ({"payloads": 5}, "must be a list of dicts, not 5"),
    ({"payloads": [{}, 5]}, "row 1 must be a dict"),
    ({"payloads": [{}, {"a": float("inf")}]}, "row 1 holds NaN or infinity"),
    ({"payloads": [{}, {"a": "\udfff"}]}, "row 1 holds half of a surrogate"),
    ({"payloads": [{}, {"a": {"b": {1: 2}}}]}, "row 1 has the key 1 of type int at 'a.b'"),
    ({"payloads": [{}, {"a": [2**64]}]}, "row 1 holds 18446744073709551616 at 'a.0'"),
    ({"payloads": [{}, {"a": np.uint64(2**63)}]}, "beyond 64 bits"),
    ({"payloads": [{}, {"a": np.array([2**63], np.uint64)}]}, "9223372036854775808 at 'a.0'"),
    ({"payloads": [{}, {"a": [{"b\0c": 1}]}]}, r"row 1 has the key .* at 'a.0', which holds a NUL"),
    ({"payloads": [{}, {"a": object()}]}, "which JSON can't hold"),
    ({"payloads": [{}, {"a": {1, 2}}]}, "which JSON can't hold"),
]


@pytest.mark.parametrize(("wrong", "message"), REFUSED, ids=lambda x: str(x)[:40])
def test_one_bad_row_and_nothing_is_written(docs, wrong, message) -> None:
    right = {"ids": ["a", "b"], "vectors": X[:2], "payloads": [{"old": 1}, {"old": 2}]}
    docs.upsert(**right)
    with pytest.raises((vicinal.InvalidInputError, vicinal.InvalidTypeError), match=message):
        docs.upsert(**{**right, "payloads": [{"new": 1}, {"new": 2}], **wrong})
    assert [r.payload for r in docs.get(["a", "b"])] == right["payloads"]
    assert len(docs) == 2


def test_a_payload_nested_a_thousand_deep_is_refused(docs) -> None:
    deep: Any = 1
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(vicinal.InvalidInputError, match="nests deeper than 100"):
        docs.upsert(["a"], X[:1], [{"a": deep}])
    loop: dict[str, Any] = {}
    loop["me"] = loop
    with pytest.raises(vicinal.InvalidInputError, match="nests deeper than 100"):
        docs.upsert(["a"], X[:1], [loop])


def test_a_zero_vector_has_no_cosine(db) -> None:
    docs = db.collection("c", dim=2, metric="cosine", if_missing="create")
    with pytest.raises(vicinal.InvalidInputError, match="row 1: is a zero vector"):
        docs.upsert(["a", "b"], [[1, 0], [0, 0]])
    assert len(docs) == 0
