"""``vicinal db snapshot``, ``restore``, ``verify``, ``stats`` and ``compact``."""

from __future__ import annotations

import pytest

from passages import ROWS, N, records


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
