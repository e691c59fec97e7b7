"""``vicinal db create`` and ``load``: what goes in, and what does not."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import vicinal as library
from passages import DIM, ROWS, N, X, records

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402


@pytest.mark.parametrize("kind", ["jsonl", "jsonl.gz", "parquet", "csv"])
def test_every_form_of_records_is_loaded_with_vectors_beside_it(made, vicinal, monkeypatch, kind):
    monkeypatch.setattr("vicinal.cli.db.sources.PIECE", 50)
    said = vicinal("db", "load", made, "docs", f"rows.{kind}", "--vectors", "x.npy", "--json")
    assert (said.status, said.json["records"]) == (0, N), said.err
    found = records(made)
    assert found.keys() == {row["id"] for row in ROWS}
    for i, row in enumerate(ROWS):
        payload, vectors = found[row["id"]]
        assert payload == {"body": row["body"], "n": i}
        assert vectors["vector"][1] == X[i].tobytes()


def test_vectors_may_be_in_the_records_and_ids_elsewhere(made, vicinal):
    rows = [{"key": 7, "vector": X[0].tolist(), "n": 1}, {"key": 8, "vector": None, "n": 2}]
    (made.parent / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert vicinal("db", "load", made, "docs", "a.jsonl", "--id-field", "key").status == 2
    rows[1]["vector"] = X[1].tolist()
    (made.parent / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert vicinal("db", "load", made, "docs", "a.jsonl", "--id-field", "key").status == 0
    pq.write_table(pa.table({"key": [9], "vector": [X[2].tolist()], "n": [3]}), "a.parquet")
    assert vicinal("db", "load", made, "docs", "a.parquet", "--id-field", "key").status == 0
    found = records(made)
    assert {key: found[key][0] for key in found} == {7: {"n": 1}, 8: {"n": 2}, 9: {"n": 3}}
    assert found[9][1]["vector"][1] == X[2].tobytes()


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_records_are_numbered_on_request(made, vicinal, monkeypatch, kind):
    monkeypatch.setattr("vicinal.cli.db.sources.PIECE", 50)
    rows = made.parent / f"n.{kind}"
    lines = ["n", *map(str, range(N))] if kind == "csv" else [f'{{"n": {i}}}' for i in range(N)]
    rows.write_text("\n".join(lines))
    assert vicinal("db", "load", made, "docs", rows, "--number", "--vectors", "x.npy").status == 0
    assert {key: payload["n"] for key, (payload, _) in records(made).items()} == dict(
        enumerate(range(N))
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"id": "a"}\nnot json\n', "line 2 is not JSON"),
        ("a.jsonl", '{"id": "a"}\n[1]\n', "line 2 is not an object"),
        ("a.jsonl", '{"i": "a"}\n{"i": "b"}\n', "row 0 has no field 'id' for its id; it has i"),
        ("a.jsonl", '{"id": "a", "vector": 1}\n{"id": "b"}\n', "row 0 has a field 'vector' too"),
        ("a.jsonl", '{"id": "a", "n": NaN}\n{"id": "b"}\n', "payloads: row 0 holds NaN"),
        ("a.csv", "i,n\na,1\nb,2\n", "no column 'id'"),
        ("a.csv", "id,n\na,1\nb\n", "can't be read"),
        ("a.txt", "a\nb\n", "records are read of"),
        ("a.parquet", "PAR1\nand nothing\n", "can't be read"),
        ("a.jsonl.gz", "no gzip\nat all\n", "can't be read"),
    ],
)
def test_what_can_not_be_loaded_is_told_and_nothing_is_written(
    made, vicinal, name, content, message
):
    (made.parent / name).write_text(content)
    np.save("two.npy", X[:2])
    said = vicinal("db", "load", made, "docs", name, "--vectors", "two.npy", "--json")
    assert said.status in (2, 3)
    assert said.json["error"]["message"].startswith(name)
    assert message in said.err
    assert records(made) == {}


def test_vectors_that_do_not_go_with_the_records_are_refused(made, vicinal):
    np.save("few.npy", X[:-1])
    said = vicinal("db", "load", made, "docs", "rows.csv", "--vectors", "few.npy")
    assert (said.status, "119 vectors for 120 records" in said.err) == (2, True)
    said = vicinal("db", "load", made, "docs", "rows.csv")
    assert (said.status, "give --vectors FILE" in said.err) == (2, True)
    said = vicinal("db", "load", made, "docs", "rows.csv", *2 * ("--vectors", "x.npy"))
    assert (said.status, "given twice" in said.err) == (2, True)
    assert records(made) == {}


def test_a_load_that_stops_tells_what_stays(made, vicinal, monkeypatch):
    monkeypatch.setattr("vicinal.cli.db.sources.PIECE", 50)
    lines = [json.dumps(row) for row in ROWS]
    lines[70] = lines[70].replace('"p70"', '""')
    (made.parent / "a.jsonl").write_text("\n".join(lines))
    said = vicinal("db", "load", made, "docs", "a.jsonl", "--vectors", "x.npy")
    assert said.status == 2
    assert "row 20 is the empty string" in said.err
    assert "counted from row 50; the records before are written and stay" in said.err
    assert len(records(made)) == 50


def test_a_load_that_is_interrupted_tells_what_stays(made, vicinal, monkeypatch):
    monkeypatch.setattr("vicinal.cli.db.sources.PIECE", 50)
    upsert, calls = library.Collection.upsert, []

    def tired(self: Any, *words: Any) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return upsert(self, *words)

    monkeypatch.setattr(library.Collection, "upsert", tired)
    said = vicinal("db", "load", made, "docs", "rows.jsonl", "--vectors", "x.npy")
    assert (said.status, said.err) == (
        130,
        "vicinal: interrupted; 50 records are written and stay\n",
    )
    assert len(records(made)) == 50


def test_several_vectors_are_named(here, vicinal):
    with library.open("m.db") as db:
        db.collection("docs", vectors={"a": {"dim": DIM}, "b": {"dim": DIM}}, if_missing="create")
    load = ("db", "load", "m.db", "docs", "rows.parquet", "--vectors")
    assert "write NAME=FILE" in vicinal(*load, "x.npy").err
    np.save("y.npy", X[::-1])
    assert vicinal(*load, "a=x.npy", "--vectors", "b=y.npy").status == 0
    found = records(here / "m.db")["p3"][1]
    assert (found["a"][1], found["b"][1]) == (X[3].tobytes(), X[-4].tobytes())


def test_what_can_not_be_created_is_refused(made, vicinal):
    assert "already" in vicinal("db", "create", made, "docs", "--dim", 3).err
    assert "give dim=" in vicinal("db", "create", made, "other", "--metric", "l2").err
    assert "FIELD:KIND" in vicinal("db", "create", made, "other", "--field", "year").err
    assert vicinal("db", "create", made, "plain", "--field", "year:number").status == 0
    said = vicinal("db", "get", made, "doc", "a")
    assert (said.status, "did you mean 'docs'" in said.err) == (2, True)
