"""Records in files of several forms, and a database made of them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from passages import DIM, ROWS, X

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("apsw")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with vectors beside records in several forms."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    text = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "rows.jsonl").write_text("\ufeff" + text + "\n\n", encoding="utf-8")
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    table = pa.Table.from_pylist(ROWS)
    pq.write_table(table, "rows.parquet")
    lines = ["id,body,n", *(f"{row['id']},{row['body']},{row['n']}" for row in ROWS)]
    (tmp_path / "rows.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


@pytest.fixture
def made(here: Path, vicinal) -> Path:
    said = vicinal("db", "create", "s.db", "docs", "--dim", DIM, "--text", "body", "--json")
    assert said.status == 0, said.err
    assert said.json["vectors"]["vector"] == {"dim": DIM, "metric": "cosine", "dtype": "f32"}
    return here / "s.db"


@pytest.fixture
def full(made: Path, vicinal) -> Path:
    assert vicinal("db", "load", made, "docs", "rows.jsonl", "--vectors", "x.npy").status == 0
    return made
