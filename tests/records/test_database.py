"""Collections in a folder: declared once, found again, all or nothing across them."""

from __future__ import annotations

import sqlite3
import threading

import numpy as np
import pytest

import vicinal

X = np.eye(8, dtype=np.float32)


def test_a_database_is_there_after_it_was_closed(path) -> None:
    with vicinal.open(path) as db:
        db.collection("docs", dim=8, metric="l2", dtype="f16", if_missing="create").upsert(
            ["a"], X[:1]
        )
        assert db.collections() == ["docs"]
    with vicinal.open(path, mode="r") as db:
        docs = db.collection("docs")
        assert docs.get(["a"])[0].id == "a"
        spec = docs.spec.vectors["vector"]
        assert (spec.dim, spec.metric, spec.dtype) == (8, "l2", "f16")
        assert docs is db.collection("docs", dim=8)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"dim": 9}, "has dim=8, not 9"),
        ({"metric": "l2"}, "has metric='cosine', not 'l2'"),
        ({"dtype": "i8"}, "has dtype='f32', not 'i8'"),
        ({"vectors": {"title": {"dim": 8}}}, "has the vectors vector, not title"),
        ({"vectors": {}}, "has the vectors vector, not none"),
    ],
)
def test_a_collection_declared_otherwise_is_refused(db, asked, message) -> None:
    db.collection("docs", dim=8, if_missing="create")
    with pytest.raises(vicinal.InvalidInputError, match=message):
        db.collection("docs", if_missing="create", **asked)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "needs dim="),
        ({"metric": "l2"}, "give dim="),
        ({"dim": 0}, "dim must be from 1"),
        ({"dim": 4, "metric": "manhattan"}, "unknown metric"),
        ({"dim": 4, "metric": "hamming", "dtype": "f32"}, "hamming"),
        ({"dim": 4, "vectors": {}}, "not both"),
        ({"vectors": {"a/b": {"dim": 4}}}, "can't name a vector"),
        ({"vectors": {"a": {"dims": 4}}}, "has 'dims'"),
        ({"vectors": {"a": 4}}, "must be a dict"),
    ],
)
def test_a_wrong_declaration_makes_nothing(db, asked, message) -> None:
    with pytest.raises((vicinal.InvalidInputError, vicinal.InvalidTypeError), match=message):
        db.collection("docs", if_missing="create", **asked)
    assert db.collections() == []


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "a\\b", ".", "..", " a", "a\0", "x" * 129, "a\n"]
)
def test_names_that_shells_would_stumble_over_are_refused(db, name) -> None:
    with pytest.raises(vicinal.InvalidInputError, match="can't name a collection"):
        db.collection(name, dim=2, if_missing="create")


def test_a_missing_collection_is_named_with_the_nearest(db) -> None:
    db.collection("articles", dim=2, if_missing="create")
    with pytest.raises(vicinal.NotFoundError, match="did you mean 'articles'"):
        db.collection("article")
    with pytest.raises(vicinal.NotFoundError, match=r"did you mean 'articles'\?$"):
        db.drop("article")


def test_what_a_newer_vicinal_declared_is_told(path) -> None:
    with vicinal.open(path) as db:
        db.collection("docs", dim=2, if_missing="create")
    with sqlite3.connect(path / "records.sqlite") as shell:
        shell.execute("""UPDATE vectors SET config = json_set(config, '$.kind', 'sparse')""")
    shell.close()
    with (
        vicinal.open(path) as db,
        pytest.raises(vicinal.FormatError, match=r"'kind', which a newer"),
    ):
        db.collection("docs")


def test_a_dropped_collection_is_gone(db) -> None:
    docs = db.collection("docs", dim=8, if_missing="create")
    docs.upsert(["a"], X[:1])
    db.drop("docs")
    assert "docs" not in db
    with pytest.raises(vicinal.NotFoundError, match="was dropped"):
        docs.get(["a"])
    again = db.collection("docs", dim=3, if_missing="create")
    assert len(again) == 0


def test_a_transaction_over_collections_is_all_or_nothing(db) -> None:
    one = db.collection("one", dim=8, if_missing="create")
    two = db.collection("two", dim=8, if_missing="create")
    with db.transaction():
        one.upsert(["a"], X[:1])
        two.upsert(["b"], X[1:2])
        assert (len(one), len(two)) == (1, 1)
        seen: list[int] = []
        other = threading.Thread(target=lambda: seen.append(len(one)))
        other.start()
        other.join()
        assert seen == [0]


def test_an_error_in_a_transaction_undoes_all_of_it(db) -> None:
    one = db.collection("one", dim=8, if_missing="create")
    two = db.collection("two", dim=8, if_missing="create")
    one.upsert(["a"], X[:1])
    two.upsert(["b"], X[1:2])

    def both() -> None:
        with db.transaction():
            one.delete(["a"])
            two.upsert(["c"], X[:1])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        both()
    assert ("a" in one, "b" in two, "c" in two) == (True, True, False)


def test_a_refused_step_leaves_the_rest_of_its_transaction(db) -> None:
    docs = db.collection("docs", dim=8, if_missing="create")
    with db.transaction():
        docs.upsert(["a"], X[:1])
        with pytest.raises(vicinal.NotFoundError):
            docs.set_payload(["a", "b"], {"x": 1})
        docs.upsert(["c"], X[:1])
    assert [r.payload for r in docs.get(["a", "c"])] == [None, None]


def test_readers_see_each_commit(path) -> None:
    with vicinal.open(path) as db, vicinal.open(path, mode="r") as reader:
        docs = db.collection("docs", dim=8, if_missing="create")
        for n in range(1, 5):
            docs.upsert([n], X[:1])
            assert len(reader.collection("docs")) == n
        with pytest.raises(vicinal.ReadOnlyError, match="mode='w'"):
            reader.collection("docs").upsert([9], X[:1])
        with pytest.raises(vicinal.ReadOnlyError):
            reader.drop("docs")


def test_closed_is_closed(path) -> None:
    db = vicinal.open(path)
    docs = db.collection("docs", dim=8, if_missing="create")
    db.close()
    db.close()
    for call in (docs.count, db.collections, lambda: docs.upsert(["a"], X[:1])):
        with pytest.raises(vicinal.ClosedError, match="was closed"):
            call()


def test_what_is_no_database_is_left_as_it_is(tmp_path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    with pytest.raises(vicinal.FormatError, match="not a database"):
        vicinal.open(folder, mode="r")
    vicinal.open(folder).close()  # an empty folder becomes one
    stranger = tmp_path / "thesis"
    stranger.mkdir()
    (stranger / "chapter.txt").write_text("1")
    with pytest.raises(vicinal.FormatError, match=r"chapter\.txt"):
        vicinal.open(stranger)
    assert [p.name for p in stranger.iterdir()] == ["chapter.txt"]
    with pytest.raises(vicinal.FormatError, match="this is a file"):
        vicinal.open(stranger / "chapter.txt")
    with pytest.raises(vicinal.FileMissingError, match="no such database"):
        vicinal.open(tmp_path / "none", mode="r")
    with pytest.raises(vicinal.FileMissingError, match="make it first"):
        vicinal.open(tmp_path / "no" / "folder")
    with pytest.raises(vicinal.StorageError, match="can't be looked at"):
        vicinal.open(tmp_path / ("x" * 300))
    with pytest.raises(vicinal.InvalidInputError, match="unknown mode"):
        vicinal.open(tmp_path / "a", mode="rw")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (b"hello, this is text, and no database" * 200, "not a database of Vicinal"),
        ("CREATE TABLE t(x)", "of SQLite, but not of Vicinal"),
        (
            "PRAGMA application_id = 1447251532; PRAGMA user_version = 99",
            r"of format 99; this Vicinal reads up to 1: install a newer one \(pip install -U",
        ),
    ],
)
def test_a_foreign_or_newer_file_is_refused_and_kept(path, harm, message) -> None:
    path.mkdir()
    file = path / "records.sqlite"
    if isinstance(harm, bytes):
        file.write_bytes(harm)
    else:
        with sqlite3.connect(file) as other:
            other.executescript(harm)
        other.close()
    before = file.read_bytes()
    for mode in ("r", "w"):
        with pytest.raises(vicinal.FormatError, match=message):
            vicinal.open(path, mode=mode)
    assert file.read_bytes() == before


def test_the_plain_shell_reads_the_records(path, db) -> None:
    docs = db.collection("docs", dim=8, if_missing="create")
    docs.upsert(["a"], X[:1], [{"cat": "x"}])
    shell = sqlite3.connect(path / "records.sqlite")
    number = shell.execute("SELECT number FROM collections WHERE name = 'docs'").fetchone()[0]
    row = shell.execute(
        f"SELECT id, json_extract(payload, '$.cat') FROM records_{number}"
    ).fetchone()
    shell.close()
    assert row == ("a", "x")
