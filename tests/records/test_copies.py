"""A copy is one state of the database, whole or not there."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import vicinal

X = np.eye(8, dtype=np.float32)


def test_a_copy_has_everything_and_is_a_database_of_its_own(path, db, rng) -> None:
    docs = db.collection("docs", dim=8, text=["a"], metric="l2", if_missing="create")
    rows = rng.normal(size=(300, 8))
    docs.upsert(range(300), rows, [{"a": f"word{i}"} for i in range(300)])
    docs.compact()
    docs.upsert(["late"], X[:1] * 9)
    folder = db.snapshot(path.with_name("copy.db"))
    docs.delete(["late"])
    for made in (folder, vicinal.restore(folder, path.with_name("again.db"))):
        with vicinal.open(made) as other:
            assert other.verify().ok
            copied = other.collection("docs")
            assert len(copied) == 301
            assert copied.stats().graphs["vector"] == vicinal.GraphStats(300, 1, 0)
            assert copied.search(X[0] * 9, k=1).ids == ["late"]
            assert copied.search(rows[7], k=1).ids == [7]
            assert copied.text("word7").ids == [7]
    assert sorted(p.name for p in path.parent.iterdir()) == ["again.db", "copy.db", "test.db"]


def test_a_copy_while_others_write_is_one_state(path, db) -> None:
    docs = db.collection("docs", dim=8, if_missing="create")
    ended = threading.Event()

    def write() -> None:
        n = 0
        while not ended.is_set():
            docs.upsert(["a", "b", "c"], X[:3], [{"n": n}] * 3)
            n += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for i in range(5):
            with vicinal.open(db.snapshot(path.with_name(f"{i}.db")), mode="r") as copy:
                if "docs" in copy and len(copy.collection("docs")):
                    found = copy.collection("docs").get(["a", "b", "c"])
                    assert len({r.payload["n"] for r in found}) == 1
    finally:
        ended.set()
        writer.join()


def test_a_copy_that_fails_leaves_nothing(path, db, monkeypatch) -> None:
    db.collection("docs", dim=8, if_missing="create").upsert(["a"], X[:1])
    taken = path.with_name("taken")
    taken.mkdir()
    with pytest.raises(vicinal.InvalidInputError, match="is there already"):
        db.snapshot(taken)
    with pytest.raises(vicinal.FileMissingError, match="make it first"):
        db.snapshot(path.with_name("no") / "folder")
    with pytest.raises(vicinal.InvalidInputError, match="within the database itself"):
        db.snapshot(path / "copy.db")
    with pytest.raises(vicinal.StorageError, match="can't be made"):
        db.snapshot(path.with_name("x" * 300))
    with db.transaction(), pytest.raises(vicinal.InvalidInputError, match="not within"):
        db.snapshot(path.with_name("x"))
    with pytest.raises(vicinal.FileMissingError, match="no such database"):
        vicinal.restore(path.with_name("none"), path.with_name("x"))

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vicinal.outputs.os.fsync", full)
    with pytest.raises(vicinal.StorageError, match="nothing is left") as refused:
        db.snapshot(path.with_name("x"))
    assert refused.value.errno == 28
    assert sorted(p.name for p in path.parent.iterdir()) == ["taken", "test.db"]
