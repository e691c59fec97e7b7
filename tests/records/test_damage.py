"""A record that is not what was written is told by its id, and never served."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

import vicinal

X = np.eye(8, dtype=np.float32)

HARM = {
    "payload": "UPDATE records_1 SET payload = '{\"n\": 7}' WHERE slot = 2",
    "id": "UPDATE records_1 SET id = 'z' WHERE slot = 2",
    "text that is none": "UPDATE records_1 SET payload = CAST(x'ff22' AS TEXT) WHERE slot = 2",
    "kind of id": "UPDATE records_1 SET id = x'1234' WHERE slot = 2",
    "sum": "UPDATE records_1 SET sum = sum + 1 WHERE slot = 2",
    "vector": "UPDATE vectors_1 SET vector = zeroblob(32) WHERE slot = 2",
    "length": "UPDATE vectors_1 SET vector = x'00' WHERE slot = 2",
    "another's": "UPDATE vectors_1 SET (vector, sum) = "
    "(SELECT vector, sum FROM vectors_1 WHERE slot = 1) WHERE slot = 2",
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_damage_is_found_and_not_served(path, harm) -> None:
    with vicinal.open(path) as db:
        docs = db.collection("docs", dim=8, if_missing="create")
        docs.upsert(["a", "b", "c"], X[:3], [{"n": n} for n in range(3)])
        assert db.verify().ok
    with sqlite3.connect(path / "records.sqlite") as shell:
        shell.execute(harm)
    shell.close()
    with vicinal.open(path) as db:
        docs = db.collection("docs")
        found = db.verify()
        assert [(d.collection, d.slot) for d in found.damaged] == [("docs", 2)]
        assert (found.ok, found.records) == (False, 3)
        for name in ("b", "z"):
            with pytest.raises((vicinal.CorruptionError, vicinal.NotFoundError)):
                docs.get([name], vectors=True)
        assert docs.get(["a", "c"], vectors=True)[1].payload == {"n": 2}
        assert db.verify(repair=True).removed == 1
        assert db.verify().ok
        assert [r.id for r in docs.scroll(vectors=True).records] == ["a", "c"]
        docs.upsert(["b"], X[:1])
        assert len(docs) == 3


def test_a_damaged_page_is_told_and_the_rest_is_read(path) -> None:
    with vicinal.open(path) as db:
        big = db.collection("big", dim=256, if_missing="create")
        big.upsert(range(500), np.random.default_rng(0).random((500, 256)))
        small = db.collection("small", dim=8, if_missing="create")
        small.upsert(["a"], X[:1])
    file = path / "records.sqlite"
    content = bytearray(file.read_bytes())
    for page in range(60, 70):  # among the vectors
        content[page * 8192 : page * 8192 + 100] = bytes(100)
    file.write_bytes(content)
    with vicinal.open(path) as db:
        with pytest.raises(vicinal.CorruptionError, match="damaged"):
            db.collection("big").get(range(500), vectors=True)
        assert db.collection("small").get(["a"])[0].id == "a"
