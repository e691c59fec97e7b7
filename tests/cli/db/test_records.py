"""``vicinal db get`` and ``export``: what comes out is what went in."""

from __future__ import annotations

import json
import uuid

import numpy as np
import pytest

import vicinal as library
from passages import DIM, records

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402


def test_get_shows_records_by_any_kind_of_id(vicinal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = uuid.UUID(int=5)
    with library.open("i.db") as db:
        docs = db.collection("docs", vectors={}, if_missing="create")
        docs.upsert(["7", 7, 8, name], payloads=[{"t": 1}, {"t": 2}, {"t": 3}, {"t": 4}])
    said = vicinal("db", "get", "i.db", "docs", "7", "8", name, "--json").json["records"]
    assert said == [
        {"id": "7", "payload": {"t": 1}},
        {"id": 8, "payload": {"t": 3}},
        {"id": str(name), "payload": {"t": 4}},
    ]
    lines = vicinal("db", "get", "i.db", "docs", "8").out
    assert json.loads(lines) == said[1]
    said = vicinal("db", "get", "i.db", "docs", "9")
    assert (said.status, "no record '9'" in said.err) == (2, True)


VECTORS = {
    "f32": {"dim": DIM, "metric": "l2"},
    "f16": {"dim": DIM, "metric": "l2", "dtype": "f16"},
    "bf16": {"dim": DIM, "metric": "l2", "dtype": "bf16"},
    "i8": {"dim": DIM, "metric": "l2", "dtype": "i8"},
    "u8": {"dim": DIM, "metric": "l2", "dtype": "u8"},
    "bits": {"dim": 19, "dtype": "bits", "metric": "hamming"},
    "payload": {"dim": DIM},
}
PAYLOADS = [
    None,
    {},
    {"a": [1, 1.0, None, {"b": "\u00fc\u2028"}]},
    {"id": -0.0, "vector": 2**63 - 1},
]


@pytest.mark.parametrize(
    "ids",
    [["a", "7", "\u00e9"], [7, -1, 2**63 - 1], [uuid.UUID(int=1), "1", 1]],
    ids=["text", "numbers", "mixed"],
)
def test_an_export_comes_back_as_it_was(here, vicinal, ids, monkeypatch):
    monkeypatch.setattr("vicinal.collection.exported.PIECE", 2)
    rng = np.random.default_rng(1)
    with library.open("a.db") as db:
        docs = db.collection("docs", vectors=VECTORS, if_missing="create")
        whole = {
            "f32": rng.normal(size=(2, DIM)).astype(np.float32),
            "f16": rng.normal(size=(2, DIM)).astype(np.float16),
            "bf16": rng.normal(size=(2, DIM)).astype(np.float32),
            "i8": rng.integers(-128, 128, size=(2, DIM)).astype(np.int8),
            "u8": rng.integers(0, 256, size=(2, DIM)).astype(np.uint8),
            "bits": rng.integers(0, 2, size=(2, 19)).astype(bool),
            "payload": rng.normal(size=(2, DIM)).astype(np.float32),
        }
        docs.upsert(ids[:2], whole, PAYLOADS[:2])
        docs.upsert(ids[2:], {"i8": whole["i8"][:1]}, PAYLOADS[2:3])
        docs.upsert(["more"] if isinstance(ids[0], str) else [99], {}, PAYLOADS[3:])
        other = library.open("b.db")
        with other:
            other.collection("docs", vectors=VECTORS, if_missing="create")
            other.collection("straight", vectors=VECTORS, if_missing="create").upsert(docs.export())
    said = vicinal("db", "export", "a.db", "docs", "out.parquet", "--json")
    assert (said.status, said.json["records"]) == (0, 4), said.err
    assert vicinal("db", "load", "b.db", "docs", "out.parquet").status == 0
    before = records(here / "a.db")
    assert len(before) == 4
    assert repr(records(here / "b.db")) == repr(before) == repr(records(here / "b.db", "straight"))


def test_an_export_of_some_and_refusals(full, vicinal):
    words = ("db", "export", full, "docs", "out.parquet")
    said = vicinal(*words, "--filter", '{"n": 3}', "--json")
    assert said.json["records"] == 1
    assert pq.read_table("out.parquet")["id"].to_pylist() == ["p3"]
    assert "exists already" in vicinal(*words).err
    assert vicinal(*words, "--force").status == 0
    assert "name one" in vicinal("db", "export", full, "docs", "out.csv").err
    assert "not JSON" in vicinal(*words, "--force", "--filter", "n=3").err
    newer = pq.read_table("out.parquet").replace_schema_metadata({"vicinal": '{"version": 2}'})
    pq.write_table(newer, "newer.parquet")
    said = vicinal("db", "load", full, "docs", "newer.parquet")
    assert (said.status, "install a newer one" in said.err) == (3, True)


def test_an_export_never_gives_a_damaged_record(full, vicinal):
    import apsw

    connection = apsw.Connection(str(full / "records.sqlite"))
    connection.execute("UPDATE vectors_1 SET vector = zeroblob(24) WHERE slot = 5")
    connection.close()
    said = vicinal("db", "export", full, "docs", "out.parquet")
    assert (said.status, "'p4'" in said.err) == (3, True)
    assert not (full.parent / "out.parquet").exists()
