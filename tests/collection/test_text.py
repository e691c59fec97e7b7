"""Text is found as it is now, alone and together with vectors; and more of the like."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

import vicinal
from vicinal import field as f

BODIES = ["red apple", "green apple tree", "blue sky", "an apple a day", "sky and tree"]
X = np.eye(5, dtype=np.float32)


@pytest.fixture
def docs(db):
    docs = db.collection("docs", dim=5, metric="l2", text=["body", "title"], if_missing="create")
    docs.upsert(range(5), X, [{"body": body, "n": n} for n, body in enumerate(BODIES)])
    return docs


def found(docs, query: str, **how) -> list[int]:
    return sorted(docs.text(query, **how).ids)


def test_text_is_found_with_scores_and_filters(docs) -> None:
    hits = docs.text("apple", k=2)
    assert hits.ids == [0, 1]
    assert hits.scores == sorted(hits.scores, reverse=True)
    assert hits.distances == [None, None]
    assert found(docs, "sky tree") == [1, 2, 4]
    assert found(docs, "sky tree", match="all") == [4]
    assert found(docs, "apple", filter=f.n > 0) == [1, 3]
    assert found(docs, "apple", fields=["title"]) == []
    assert docs.highlight(docs.text("tree", k=1), "tree")[0]["body"] in (
        "green apple **tree**",
        "sky and **tree**",
    )


def test_text_follows_the_records(docs, db) -> None:
    docs.upsert([0], X[:1], [{"body": "a pear", "title": "apple?"}])
    assert found(docs, "pear") == [0]
    assert found(docs, "red") == []
    assert found(docs, "apple", fields=["title"]) == [0]
    docs.set_payload([2], {"body": "pears"})
    assert found(docs, "blue") == []
    docs.delete([1])
    docs.delete(filter={"n": 3})
    assert found(docs, "apple") == [0]

    def undone() -> None:
        with db.transaction():
            docs.upsert([7], X[:1], [{"body": "kiwi"}])
            assert found(docs, "kiwi") == [7]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert found(docs, "kiwi") == []


def test_text_is_there_after_opening_and_gone_after_dropping(path) -> None:
    with vicinal.open(path) as db:
        docs = db.collection(
            "docs", vectors={}, text=["a"], tokenizer="trigram", if_missing="create"
        )
        docs.upsert(["x"], payloads=[{"a": "substring"}])
    with vicinal.open(path) as db:
        assert db.collection("docs").text("bstri").ids == ["x"]
        with pytest.raises(vicinal.InvalidInputError, match="leave text= out"):
            db.collection("docs", text=["b"])
        db.drop("docs")
        plain = db.collection("docs", dim=2, if_missing="create")
        with pytest.raises(vicinal.InvalidInputError, match="has no text index"):
            plain.text("x")
    with sqlite3.connect(path / "records.sqlite") as shell:
        names = shell.execute("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'text%'")
        assert names.fetchone() == (0,)
    shell.close()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"text": "body"}, r"write \['body'\]"),
        ({"text": ["a", "A"]}, "can't be indexed"),
        ({"text": ["a"], "tokenizer": "words"}, "unknown kind"),
        ({"tokenizer": "porter"}, "give text="),
    ],
)
def test_wrong_declarations_make_nothing(db, asked, message) -> None:
    with pytest.raises((vicinal.InvalidInputError, vicinal.InvalidTypeError), match=message):
        db.collection("docs", dim=2, if_missing="create", **asked)
    assert db.collections() == []


@pytest.mark.parametrize("fuse", ["rrf", "weighted"])
def test_both_together_find_what_either_finds(docs, fuse) -> None:
    hits = docs.hybrid(vector=X[2], text="apple", k=5, fuse=fuse)
    assert sorted(hits.ids) == list(range(5))
    near = docs.hybrid(vector=X[2], text="apple", k=1, fuse=fuse, weights=(1, 0))
    assert near.ids == [2]
    assert docs.hybrid(vector=X[2], text="apple", k=1, fuse=fuse, weights=(0, 1)).ids == [0]
    assert docs.hybrid(vector=X[2], text="apple", k=5, filter=f.n == 3, fuse=fuse).ids == [3]
    both = docs.hybrid(vector=X[1], text="green", k=5, fuse=fuse)
    assert both.ids[0] == 1
    with pytest.raises(vicinal.InvalidInputError, match="one vector"):
        docs.hybrid(vector=X, text="a", fuse=fuse)


def test_recommended_are_the_like_and_none_of_those_given(db, rng) -> None:
    docs = db.collection("points", dim=2, metric="l2", if_missing="create")
    points = rng.normal(size=(200, 2)).astype(np.float32)
    docs.upsert(range(200), points, [{"n": n} for n in range(200)])
    for positive, negative in (([1, 2], []), ([3], [4, 5])):
        query = points[positive].mean(0)
        if negative:
            query = 2 * query - points[negative].mean(0)
        order = np.argsort(((points - query) ** 2).sum(1))
        expected = [i for i in order.tolist() if i not in positive + negative]
        assert docs.recommend(positive, negative, k=7, ef_search=200).ids == expected[:7]
    few = docs.recommend([1], k=5, filter=f.n < 4)
    assert sorted(few.ids) == [0, 2, 3]
    with pytest.raises(vicinal.InvalidInputError, match="at least one positive"):
        docs.recommend([])
    with pytest.raises(vicinal.NotFoundError, match="no record 999"):
        docs.recommend([999])


def test_a_repaired_collection_finds_no_text_of_what_was_removed(path) -> None:
    with vicinal.open(path) as db:
        docs = db.collection("docs", vectors={}, text=["a"], if_missing="create")
        docs.upsert([1, 2], payloads=[{"a": "one word"}, {"a": "another word"}])
    with sqlite3.connect(path / "records.sqlite") as shell:
        shell.execute("UPDATE records_1 SET payload = '{}' WHERE slot = 1")
    shell.close()
    with vicinal.open(path) as db:
        docs = db.collection("docs")
        assert found(docs, "word") == [2]
        assert db.verify(repair=True).removed == 1
        assert found(docs, "word") == [2]
        assert db.verify().ok


@pytest.mark.parametrize("name", ["text", "records", "payload", "Text"])
def test_fields_may_be_called_as_tables_are(db, name) -> None:
    docs = db.collection("docs", vectors={}, text=[name], if_missing="create")
    docs.upsert(["a"], payloads=[{name: "small worlds"}])
    assert docs.text("worlds").ids == ["a"]
