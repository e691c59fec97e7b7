"""Declared fields answer as SQL would, follow every write, and refuse what they are not."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

import vicinal
from vicinal import field as f

FIELDS = {"cat": "keyword", "year": "number", "at": "geo"}


def filled(db: vicinal.Database):
    docs = db.collection("docs", dim=2, metric="l2", fields=FIELDS, if_missing="create")
    payloads = [{"cat": "xyz"[i % 3], "year": 2000 + i} for i in range(30)]
    docs.upsert(range(30), np.arange(60).reshape(30, 2), payloads)
    return docs


@pytest.mark.usefixtures("eager")
def test_filters_follow_writes_here_and_in_other_handles(path) -> None:
    with vicinal.open(path) as db, vicinal.open(path, mode="r") as other:
        docs = filled(db)
        for seen in (docs, other.collection("docs")):
            assert seen.count(filter=f.cat == "x") == 10
        docs.delete(filter=f.year < 2010)
        docs.set_payload([10], {"cat": "new"})
        docs.compact()  # drops the notes of what was retired
        docs.delete([11])
        for seen in (docs, other.collection("docs")):
            assert seen.count(filter=f.cat == "new") == 1
            assert seen.count(filter=f.year >= 0) == 19
            assert seen.search([0, 0], k=1, filter=f.cat == "x").ids == [12]


def test_a_transaction_filters_by_its_own_writes(db) -> None:
    docs = filled(db)
    assert docs.count(filter=f.cat == "new") == 0
    with db.transaction():
        docs.upsert(["n"], [[0, 0]], [{"cat": "new"}])
        assert docs.count(filter=f.cat == "new") == 1
        assert docs.delete(filter=f.cat == "new") == 1
    assert docs.count(filter=f.cat == "new") == 0


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (f.cta == "x", "did you mean cat"),
        ({"year": "2020"}, "declared as number"),
        (f.body == "x", "unknown field body"),
    ],
)
def test_unknown_fields_and_kinds_are_refused_wherever_filters_go(db, condition, message) -> None:
    docs = filled(db)
    calls = (
        lambda: docs.search([0, 0], filter=condition),
        lambda: docs.count(filter=condition),
        lambda: docs.scroll(filter=condition),
        lambda: docs.delete(filter=condition),
        lambda: docs.recommend([1], filter=condition),
    )
    for call in calls:
        with pytest.raises((vicinal.InvalidInputError, vicinal.InvalidTypeError), match=message):
            call()
    assert len(docs) == 30


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"a": "text"}, "kind of field a"), (["a"], "must be a dict"), ({"a": 1}, "kind of field a")],
)
def test_wrong_declarations_make_nothing(db, fields, message) -> None:
    with pytest.raises((vicinal.InvalidInputError, vicinal.InvalidTypeError), match=message):
        db.collection("docs", dim=2, fields=fields, if_missing="create")
    assert db.collections() == []


def test_fields_are_known_when_opened_again_and_can_not_be_others(path) -> None:
    with vicinal.open(path) as db:
        filled(db)
    with vicinal.open(path) as db:
        assert db.collection("docs").count(filter=f.cat == "x") == 10
        assert db.collection("docs", fields=FIELDS) is db.collection("docs")
        with pytest.raises(vicinal.InvalidInputError, match="leave fields= out"):
            db.collection("docs", fields={"cat": "number"})


@pytest.mark.parametrize("payload", ["'{'", "CAST(x'ff' AS TEXT)"])
def test_a_payload_that_is_no_json_is_told_and_can_be_repaired(path, payload) -> None:
    with vicinal.open(path) as db:
        filled(db)
    with sqlite3.connect(path / "records.sqlite") as shell:
        shell.execute(f"UPDATE records_1 SET payload = {payload} WHERE slot = 4")
    shell.close()
    with vicinal.open(path) as db:
        docs = db.collection("docs")
        with pytest.raises(vicinal.CorruptionError, match=r"db\.verify\(repair=True\)"):
            docs.count(filter=f.cat == "x")
        assert db.verify(repair=True).removed == 1
        assert docs.count(filter=f.cat == "x") == 9
