"""Tables are written piece by piece, whoever made them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import vicinal
from vicinal.collection import stream

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

N = 250


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch) -> None:
    monkeypatch.setattr(stream, "PIECE", 100)


@pytest.fixture
def docs(db):
    return db.collection("docs", dim=4, metric="l2", if_missing="create")


@pytest.fixture
def table(rng) -> Any:
    X = rng.normal(size=(N, 4)).astype(np.float32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 4)
    columns = {
        "id": [f"n{i}" for i in range(N)],
        "vector": lists,
        "n": range(N),
        "tags": [["a", str(i % 3)] for i in range(N)],
        "at": pa.array(range(N), pa.timestamp("s", "UTC")),
    }
    return pa.table(
        {name: pa.array(c) if isinstance(c, (list, range)) else c for name, c in columns.items()}
    )


class Foreign:
    """A table of a library that we do not know."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.columns = table.column_names

    def __arrow_c_stream__(self, schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(schema)


def sources(table: Any, tmp_path: Any) -> dict[str, Any]:
    file = tmp_path / "rows.parquet"
    pq.write_table(table, file, row_group_size=70)
    return {
        "table": table,
        "batch": table.combine_chunks().to_batches()[0],
        "reader": pa.RecordBatchReader.from_batches(table.schema, table.to_batches(30)),
        "foreign": Foreign(table),
        "path": file,
        "name": str(file),
    }


@pytest.mark.parametrize("kind", ["table", "batch", "reader", "foreign", "path", "name"])
def test_every_table_is_written(docs, table, tmp_path, kind) -> None:
    assert docs.upsert(sources(table, tmp_path)[kind]) == N
    assert len(docs) == N
    record = docs.get(["n207"], vectors=True)[0]
    assert record.payload == {"n": 207, "tags": ["a", "0"], "at": "1970-01-01T00:03:27+00:00"}
    assert record.vectors["vector"].tolist() == table["vector"][207].as_py()
    assert docs.search(table["vector"][33].as_py(), k=1).ids == ["n33"]


def test_columns_of_ids_and_vectors_are_taken_as_they_are(docs, table) -> None:
    docs.upsert(table["id"], table["vector"])
    assert len(docs) == N


def test_a_bad_row_stops_a_table_and_the_pieces_before_stay(docs, table) -> None:
    ids = table["id"].to_pylist()
    ids[230] = ""
    bad = table.set_column(0, "id", pa.array(ids))
    with pytest.raises(vicinal.InvalidInputError, match=r"row 30 is the empty.*after 200 rows"):
        docs.upsert(bad)
    assert len(docs) == 200


def test_a_transaction_makes_a_table_one(db, docs, table) -> None:
    ids = table["id"].to_pylist()
    ids[230] = ids[229]

    def load() -> None:
        with db.transaction():
            docs.upsert(table.set_column(0, "id", pa.array(ids)))

    with pytest.raises(vicinal.DuplicateIdError):
        load()
    assert len(docs) == 0


def test_tables_that_can_not_be_taken(docs, table, tmp_path) -> None:
    with pytest.raises(
        vicinal.InvalidInputError, match=r"no column 'id'.*it has vector, n, tags, at"
    ):
        docs.upsert(table.drop_columns(["id"]))
    with pytest.raises(vicinal.InvalidInputError, match="has vectors and payloads in its columns"):
        docs.upsert(table, table["vector"])
    with pytest.raises(vicinal.FileMissingError, match="no such file"):
        docs.upsert(tmp_path / "none.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(vicinal.CorruptionError, match="can't be read"):
        docs.upsert(tmp_path / "bad.parquet")
    assert len(docs) == 0


def test_hits_make_a_table(docs) -> None:
    docs.upsert([1, "b"], np.eye(4)[:2], [{"x": "ü"}, None])
    table = docs.search(np.eye(4)[0]).to_arrow()
    assert table.column_names == ["id", "score", "distance", "payload"]
    assert table["id"].to_pylist() == ["1", "b"]
    assert json.loads(table["payload"][0].as_py()) == {"x": "ü"}
    assert docs.search(np.eye(4)[0], k=1).to_arrow()["id"].to_pylist() == [1]
    assert len(docs.search(np.eye(4)[0], filter={"y": 1}).to_arrow()) == 0


def test_hits_become_a_data_frame(db) -> None:
    pytest.importorskip("pandas")
    docs = db.collection("docs", dim=2, metric="cosine", if_missing="create")
    docs.upsert(["x", 2], [[1, 0], [0, 1]], [{"n": [1]}, None])
    frame = docs.search([1, 0]).to_pandas()
    assert list(frame.columns) == ["id", "score", "distance", "payload"]
    assert frame["id"].tolist() == ["x", 2]
    assert frame["payload"].tolist() == [{"n": [1]}, None]
    assert frame["score"].tolist() == [1.0, 0.0]
    assert docs.search([0, 1], k=1).to_pandas()["id"].dtype == np.int64
    empty = docs.search([0, 1], filter={"n": 2}).to_pandas()
    assert len(empty) == 0
    assert empty["distance"].dtype == np.float64
    by_text = vicinal.Hits([vicinal.Hit("a", 2.5, None, {})]).to_pandas()
    assert by_text["distance"].isna().all()
