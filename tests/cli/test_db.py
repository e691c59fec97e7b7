"""``vicinal db``: what goes in comes out, from a shell."""

from __future__ import annotations

import gzip
import json
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vicinal as library

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("apsw")
N, DIM = 120, 6
X = np.random.default_rng(9).normal(size=(N, DIM)).astype(np.float32)
ROWS = [{"id": f"p{i}", "body": f"word{i} of all", "n": i} for i in range(N)]


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


def records(path: Path, name: str = "docs") -> dict[Any, Any]:
    """All that is in a collection, by id."""
    with library.open(path, mode="r") as db:
        page = db.collection(name).scroll(limit=100_000, vectors=True)
        return {
            record.id: (
                record.payload,
                {key: (v.dtype, v.tobytes()) for key, v in record.vectors.items()},
            )
            for record in page.records
        }


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


def test_search_finds_what_the_library_finds(full, vicinal):
    words = ("db", "search", full, "docs", "x.npy", "-k", 3, "--filter", '{"n": {"$lt": 60}}')
    said = vicinal(*words, "--json")
    assert said.status == 0
    with library.open(full, mode="r") as db:
        truth = db.collection("docs").search(X, k=3, filter={"n": {"$lt": 60}})
    assert [[hit["id"] for hit in result["hits"]] for result in said.json["results"]] == [
        hits.ids for hits in truth
    ]
    shown = vicinal(*words).out
    assert shown.startswith("query 0\n    1  p0 ")
    assert shown.count("query ") == 5
    assert vicinal(*words, "-o", "hits.jsonl").status == 0
    kept = (full.parent / "hits.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in kept] == said.json["results"]
    assert "exists already" in vicinal(*words, "-o", "hits.jsonl").err


def test_text_finds_and_marks(full, vicinal):
    said = vicinal("db", "text", full, "docs", "word7", "--json").json["hits"]
    assert [(hit["id"], hit["highlights"]) for hit in said] == [
        ("p7", {"body": "**word7** of all"})
    ]
    assert "**word7**" in vicinal("db", "text", full, "docs", "word7").out
    assert vicinal("db", "text", full, "docs", "x", "--match", "some").status == 2


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


def test_copies_checks_and_figures(full, vicinal):
    assert vicinal("db", "snapshot", full, "copy.db", "--json").json["file_bytes"] > 0
    assert "there already" in vicinal("db", "snapshot", full, "copy.db").err
    assert vicinal("db", "restore", "copy.db", "again.db").status == 0
    assert records(full.parent / "again.db") == records(full)
    said = vicinal("db", "verify", "again.db", "--json")
    assert (said.status, said.json["ok"], said.json["records"]) == (0, True, N)
    said = vicinal("db", "compact", "again.db", "--json")
    assert said.json["collections"] == ["docs"]
    graphs = vicinal("db", "stats", "again.db", "--json").json["collections"]["docs"]["graphs"]
    assert (graphs["vector"]["vectors"], graphs["vector"]["rows"]) == (N, 0)
    assert "docs: 120 records" in vicinal("db", "stats", "again.db").out
    told = vicinal("db", "stats", "again.db", "docs", "--deep").out
    assert "all of it is in the graph's file" in told
    assert "records_1" in told


def test_verify_names_damage_and_repairs_it(full, vicinal):
    import apsw

    connection = apsw.Connection(str(full / "records.sqlite"))
    connection.execute("UPDATE records_1 SET payload = '{}' WHERE id = 'p4'")
    connection.close()
    said = vicinal("db", "verify", full, "--json")
    assert (said.status, said.json["damaged"][0]["id"]) == (1, "p4")
    assert "record 'p4'" in said.err
    said = vicinal("db", "verify", full, "--repair")
    assert (said.status, "1 records were removed" in said.err) == (1, True)
    assert vicinal("db", "verify", full).status == 0
    assert records(full).keys() == {row["id"] for row in ROWS} - {"p4"}


@pytest.mark.parametrize(
    "words",
    [
        ("load", "no.db", "docs", "rows.csv"),
        ("search", "no.db", "docs", "x.npy"),
        ("text", "no.db", "docs", "word"),
        ("get", "no.db", "docs", "a"),
        ("export", "no.db", "docs", "o.parquet"),
        ("snapshot", "no.db", "copy.db"),
        ("restore", "no.db", "copy.db"),
        ("verify", "no.db"),
        ("stats", "no.db"),
        ("compact", "no.db"),
    ],
)
def test_a_database_that_is_not_there_is_status_3_and_stays_so(here, vicinal, words):
    said = vicinal("db", *words, "--json")
    assert (said.status, said.json["error"]["type"]) == (3, "FileMissingError")
    assert not (here / "no.db").exists()
    assert not (here / "copy.db").exists()


def test_what_can_not_be_created_is_refused(made, vicinal):
    assert "already" in vicinal("db", "create", made, "docs", "--dim", 3).err
    assert "give dim=" in vicinal("db", "create", made, "other", "--metric", "l2").err
    assert "FIELD:KIND" in vicinal("db", "create", made, "other", "--field", "year").err
    assert vicinal("db", "create", made, "plain", "--field", "year:number").status == 0
    said = vicinal("db", "get", made, "doc", "a")
    assert (said.status, "did you mean 'docs'" in said.err) == (2, True)


def test_what_a_search_did_is_shown_from_a_shell(full, vicinal):
    np.save("q.npy", X[5:8] + 0.01)
    asked = (full, "docs", "q.npy")
    told = vicinal("db", "explain", *asked, "--row", 1, "-k", 3, "--filter", '{"n": {"$lt": 60}}')
    assert told.status == 0, told.err
    assert told.out.startswith("the 3 nearest by cosine, ef_search=64")
    assert "filter: f.n < 60, which 60 records meet" in told.out
    as_json = vicinal("db", "explain", *asked, "--row", 1, "-k", 3, "--json").json
    assert (as_json["command"], as_json["row"]) == ("db explain", 1)
    with library.open("s.db", mode="r") as db:
        docs = db.collection("docs")
        assert as_json["ids"] == docs.search(X[6] + 0.01, 3).ids
        far = docs.search(X[6] + 0.01, 9).ids[-1]
        why = docs.why_not(X[6] + 0.01, far, 3)
    said = vicinal("db", "why-not", *asked, far, "--row", 1, "-k", 3)
    assert (said.status, said.out.strip()) == (0, str(why))
    said = vicinal("db", "why-not", *asked, far, "--row", 1, "-k", 3, "--json").json
    assert (said["cause"], said["id"], said["rank"]) == ("beyond k", far, 9)
    assert said["why"] == str(why)


def test_a_collection_is_drawn_from_a_shell(full, vicinal):
    pytest.importorskip("plotly")
    np.save("q.npy", X[5:8] + 0.01)
    words = ("db", "map", "s.db", "docs", "q.npy", "-o", "c.html", "--color", "n", "--first", 2)
    facts = vicinal(*words, "--json", "--layout", "pca").json
    assert (facts["command"], facts["records"], facts["shown"], facts["queries"]) == (
        "db map",
        N,
        N,
        2,
    )
    assert "word7 of all" in (full.parent / "c.html").read_text(encoding="utf-8")
    assert vicinal(*words).status == 2  # there already
    said = vicinal(*words, "--force", "--layout", "pca")
    assert said.out == f"c.html: {N} of {N} records, placed by pca\n"


def test_what_is_not_there_can_not_be_looked_into(full, vicinal):
    np.save("q.npy", X[:2])
    asked = ("s.db", "docs", "q.npy")
    for words, message in (
        (("explain", *asked, "--row", 2), "q.npy has 2 queries"),
        (("explain", *asked, "--plan", "walk"), "unknown plan 'walk'"),
        (("why-not", *asked, "nobody"), "has no record 'nobody'"),
        (("map", "s.db", "docs", "-o", "x.html", "--color", "dog"), "no payload has that field"),
    ):
        said = vicinal("db", *words)
        assert (said.status, message in said.err) == (2, True), said.err
    assert vicinal("db", "map", "s.db", "docs", "-o", "nowhere/x.html").status == 3
    assert not (full.parent / "x.html").exists()
