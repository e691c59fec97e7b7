"""``vicinal db search``, ``text``, ``explain``, ``why-not`` and ``map``."""

from __future__ import annotations

import json

import numpy as np
import pytest

import vicinal as library
from passages import N, X


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


def test_search_by_radius_and_for_answers_that_differ(full, vicinal):
    words = ("db", "search", full, "docs", "x.npy", "--json")
    with library.open(full, mode="r") as db:
        docs = db.collection("docs")
        for options, truth in (
            (("--radius", 0.5), docs.search_radius(X, 0.5)),
            (("--radius", 0.5, "-k", 2), docs.search_radius(X, 0.5, limit=2)),
            (("--mmr", 0.8, "-k", 3), docs.search(X, k=3, mmr=0.8)),
            (("--group-by", "n"), docs.search(X, group_by="n")),
        ):
            found = vicinal(*words, *options).json["results"]
            assert [[hit["id"] for hit in one["hits"]] for one in found] == [h.ids for h in truth]
    for options, message in (
        (("--radius", 0.5, "--mmr", 0.5), "leave out --target-recall"),
        (("--radius", 0.5, "--guarantee", "exact"), "leave out --target-recall"),
        (("--radius", -1), "must be a distance"),
        (("--mmr", 2), "mmr must be"),
        (("--target-recall", 0), "above 0 and at most 1"),
    ):
        said = vicinal(*words, *options)
        assert (said.status, message in said.err) == (2, True), said.err


def test_search_for_a_recall_says_what_to_expect(here, vicinal, monkeypatch):
    monkeypatch.setattr("vicinal.cli.db.search.BATCH", 100)
    rng = np.random.default_rng(2)
    poor = {"vector": {"dim": 24, "metric": "l2", "M": 4, "ef_construction": 10}}
    with library.open(here / "p.db") as db:
        docs = db.collection("docs", vectors=poor, if_missing="create")
        docs.upsert(range(2000), rng.normal(size=(2000, 24)))
        docs.compact()
    np.save("q.npy", rng.normal(size=(300, 24)))
    words = ("db", "search", "p.db", "docs", "q.npy", "--plan", "graph", "--target-recall", 0.5)
    said = [result["recall_estimate"] for result in vicinal(*words, "--json").json["results"]]
    assert said[0] == {"value": 1.0, "low": 1.0, "high": 1.0, "queries": 0, "ef_search": None}
    assert 0.5 <= said[-1]["low"] <= said[-1]["value"] < 1.0
    assert "a recall of 0." in vicinal(*words).out


def test_a_guarantee_is_told_of_each_query(full, vicinal):
    words = ("db", "search", full, "docs", "x.npy")
    told = vicinal(*words, "--guarantee", "exact", "--json").json["results"]
    assert {(one["certified"], one["epsilon"]) for one in told} == {(True, 0.0)}
    exact = vicinal(*words, "--exact", "--json").json["results"]
    assert [one["hits"] for one in told] == [one["hits"] for one in exact]
    assert "certified" not in exact[0]
    said = vicinal(*words, "--guarantee", 0.1, "--budget", 1.0)
    assert f"; {len(X)} certified" in said.out
    assert vicinal(*words, "--guarantee", "surely").status == 2


def test_text_finds_and_marks(full, vicinal):
    said = vicinal("db", "text", full, "docs", "word7", "--json").json["hits"]
    assert [(hit["id"], hit["highlights"]) for hit in said] == [
        ("p7", {"body": "**word7** of all"})
    ]
    assert "**word7**" in vicinal("db", "text", full, "docs", "word7").out
    assert vicinal("db", "text", full, "docs", "x", "--match", "some").status == 2


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
    proof = ("db", "explain", *asked, "--guarantee", "exact", "--budget")
    assert "certified: these are the true neighbours" in vicinal(*proof, "1.0").out
    assert vicinal(*proof, 0, "--json").json["proven"]["measured"] == N
    assert "a share of them from 0.0 to 1.0" in vicinal(*proof, "1.5").err
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
