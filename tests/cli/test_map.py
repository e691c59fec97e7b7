"""`vicinal map` writes one page, and says what it shows."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest

import vicinal as library

pytest.importorskip("plotly")
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def test_map_writes_a_page(vicinal, data, index, tmp_path):
    page = tmp_path / "city.html"
    words = ("map", index, data / "queries.npy", "-o", page, "--layout", "pca", "--first", 3)
    facts = vicinal(*words, "--json").json
    assert (facts["command"], facts["page"]) == ("map", str(page))
    assert (facts["shown"], facts["queries"], facts["layout"]) == (facts["vectors"], 3, "pca")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert index.name in page.read_text(encoding="utf-8")
    again = vicinal(*words)
    assert again.status == 2
    assert "--force replaces it" in again.err
    assert vicinal(*words, "--force").out.startswith(f"{page}: ")


def test_what_map_refuses(vicinal, index, tmp_path):
    page = tmp_path / "city.html"
    assert vicinal("map", index, "-o", tmp_path / "nowhere" / "city.html").status == 3
    assert vicinal("map", index, "-o", page, "--layout", "star").status == 2
    assert vicinal("map", tmp_path / "nothing.vicinal", "-o", page).status == 3
    assert not page.exists()


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "npy"])
def test_labels_beside_the_index_are_shown(vicinal, index, tmp_path, kind):
    count = len(library.Index.open(index))
    rows = [{"name": f"shop {i}", "kind": "abc"[i % 3]} for i in range(count)]
    file, color = tmp_path / f"labels.{kind}", "kind"
    if kind == "npy":
        np.save(file, np.array(["abc"[i % 3] for i in range(count)]))
        color = "label"
    elif kind == "jsonl":
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    else:
        pa = pytest.importorskip("pyarrow")
        table = pa.Table.from_pylist(rows)
        if kind == "csv":
            pytest.importorskip("pyarrow.csv").write_csv(table, file)
        else:
            table = table.append_column("vector", pa.array([[1.0, 2.0]] * count))
            pytest.importorskip("pyarrow.parquet").write_table(table, file)
    page = tmp_path / "city.html"
    said = vicinal("map", index, "-o", page, "--layout", "pca", "--labels", file, "--color", color)
    assert said.status == 0, said.err
    data = json.loads(DATA.search(page.read_text(encoding="utf-8"))[1])
    plain = kind == "npy"
    assert data["texts"] == [
        r["kind"] if plain else f"name: {r['name']}\nkind: {r['kind']}" for r in rows
    ]
    assert data["color"]["kinds"] == ["a", "b", "c"]
    of = np.frombuffer(base64.b64decode(data["color"]["of"]), np.uint8)
    assert of.tolist() == [i % 3 for i in range(count)]


def test_labels_may_name_the_vectors_that_they_are_of(vicinal, index, tmp_path):
    file, page = tmp_path / "some.jsonl", tmp_path / "city.html"
    file.write_text('{"id": 7, "name": "seven"}\n{"id": 3, "name": "three"}\n')
    words = ("map", index, "-o", page, "--layout", "pca", "--labels", file)
    assert vicinal(*words, "--id-field", "id").status == 0
    data = json.loads(DATA.search(page.read_text(encoding="utf-8"))[1])
    assert {i: text for i, text in zip(data["ids"], data["texts"], strict=True) if text} == {
        "7": "name: seven",
        "3": "name: three",
    }
    said = vicinal(*words, "--force")
    assert (said.status, "has 2 entries, but the index" in said.err) == (2, True)
    file.write_text('{"id": 7, "name": "seven"}\n{"id": 7, "name": "three"}\n')
    assert "repeats the id 7" in vicinal(*words, "--force", "--id-field", "id").err
    assert "no integer in 'name'" in vicinal(*words, "--force", "--id-field", "name").err


def test_labels_that_can_not_be_used(vicinal, index, tmp_path):
    page, flat = tmp_path / "city.html", tmp_path / "flat.npy"
    np.save(flat, np.zeros((3, 2)))
    words = ("map", index, "-o", page, "--labels")
    assert vicinal(*words, tmp_path / "nothing.jsonl").status == 3
    assert vicinal(*words, tmp_path / "nothing.npy").status == 3
    assert "one dimension" in vicinal(*words, flat).err
    np.save(flat, np.array([{}, {}], object), allow_pickle=True)
    assert vicinal(*words, flat).status == 3
    np.save(flat, np.zeros(5))
    assert "--color label" in vicinal(*words, flat, "--color", "kind").err
    assert "has no fields" in vicinal(*words, flat, "--id-field", "id").err
    assert "are about fields of --labels" in vicinal(*words[:-1], "--color", "kind").err
    (tmp_path / "labels.txt").write_text("a")
    assert vicinal(*words, tmp_path / "labels.txt").status == 2
    assert not page.exists()
