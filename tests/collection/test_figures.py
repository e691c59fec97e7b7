"""`stats` says what a collection is made of, and how far its graphs are behind."""

from __future__ import annotations

import pytest

import vicinal

N, DIM = 500, 16


@pytest.fixture
def docs(db, rng) -> vicinal.Collection:
    made = db.collection("docs", dim=DIM, text=["body"], if_missing="create")
    payloads = [{"body": f"word{i}"} for i in range(N)]
    made.upsert(range(N), rng.normal(size=(N, DIM)), payloads)
    return made


def graph(docs: vicinal.Collection, *, deep: bool = False) -> vicinal.GraphStats:
    return docs.stats(deep=deep).graphs["vector"]


def test_what_the_graph_s_file_lacks_is_counted(db, path, docs, rng) -> None:
    before = graph(docs)
    assert (before.unsaved, before.unsaved_seconds) == (N, None)
    assert before.bytes == {"rows": N * DIM * 4}
    docs.compact()
    saved = graph(docs)
    assert (saved.unsaved, saved.unsaved_seconds) == (0, 0.0)
    [file] = (path / "graphs").iterdir()
    assert saved.bytes == {"rows": 0, "file": file.stat().st_size}
    docs.upsert([0, N], rng.normal(size=(2, DIM)))
    docs.delete([1, 2, 3])
    later = graph(docs)
    assert later.unsaved == 2 + 1 + 3
    assert 0.0 <= later.unsaved_seconds < 600
    db.close()
    with vicinal.open(path, mode="r") as reader:
        there = graph(reader.collection("docs"))
        assert (there.unsaved, there.rows) == (6, 2)


def test_in_the_depth_every_part_is_weighed_and_the_graph_is_walked(path, docs) -> None:
    docs.compact()
    assert graph(docs).reachable is None
    told = docs.stats(deep=True)
    held = told.graphs["vector"]
    assert held.reachable == 1.0
    assert held.bytes["memory: links"] > 0
    assert held.bytes["vectors_1"] >= N * DIM * 4
    assert {"records_1", "ids_1"} <= set(told.bytes)
    assert any(part.startswith("text_1_") for part in told.bytes)
    tables = sum(told.bytes.values()) + held.bytes["vectors_1"]
    assert (
        tables
        <= (path / "records.sqlite").stat().st_size + (path / "records.sqlite-wal").stat().st_size
    )


def test_a_collection_without_vectors_has_figures(db) -> None:
    plain = db.collection("plain", vectors={}, if_missing="create")
    plain.upsert(["a"])
    assert plain.stats() == vicinal.CollectionStats(1, {})
    assert plain.stats(deep=True).bytes["records_1"] == 8192
    with pytest.raises(vicinal.InvalidTypeError, match="deep must be"):
        plain.stats(deep=1)
