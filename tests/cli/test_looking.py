"""`vicinal explain` and `vicinal why-not` say what the methods say, of one query of a file."""

from __future__ import annotations

import json

import numpy as np
import pytest

import vicinal as library


@pytest.fixture
def labels(tmp_path, vectors):
    file = tmp_path / "labels.jsonl"
    rows = [{"name": f"shop {i}"} for i in range(len(vectors))]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def test_explain_tells_the_way(vicinal, data, index, queries, labels):
    ix = library.Index.open(index)
    words = ("explain", index, data / "queries.npy", "--row", 7, "-k", 3, "--ef-search", 20)
    way = ix.explain(queries[7], 3, ef_search=20)
    assert vicinal(*words).out == f"{way}\n"
    told = vicinal(*words, "--plan", "graph", "--labels", labels, "--json").json
    way = ix.explain(queries[7], 3, ef_search=20, plan="graph")
    assert told.items() >= way.to_dict().items()
    assert (told["command"], told["index"], told["row"]) == ("explain", str(index), 7)
    gone_to = {hop["id"] for layer in told["layers"] for hop in layer["hops"]}
    assert told["labels"] == {str(i): f"name: shop {i}" for i in gone_to | {*told["ids"]}}
    said = vicinal(*words, "--labels", labels).out
    assert all(f"{i} is name: shop {i}\n" in said for i in way.result.ids)


def test_explain_shows_the_proof(vicinal, data, index, queries):
    ix = library.Index.open(index)
    words = ("explain", index, data / "queries.npy", "-k", 4, "--guarantee", "exact")
    told = vicinal(*words, "--mmap", "--json").json["proven"]
    assert (told["certified"], told["epsilon"]) == (True, 0)
    assert told["ids"] == ix.search(queries[0], 4, exact=True).ids.tolist()
    assert "certified: these are the true neighbours" in vicinal(*words).out
    said = vicinal(*words, "--budget", 0).out
    assert "not certified within the budget" in said


def test_filters_go_with_the_query(vicinal, data, index, tmp_path):
    allowed = tmp_path / "some.txt"
    allowed.write_text("3 7 11 100")
    words = (index, data / "queries.npy")
    told = vicinal("explain", *words, "--filter-ids", allowed, "--json").json
    assert sorted(told["ids"]) == [3, 7, 11, 100]
    told = vicinal("why-not", *words, 5, "--filter-ids", allowed, "--json").json
    assert told["cause"] == "filtered out"


def test_why_not_says_why(vicinal, data, index, queries, vectors, labels):
    ix = library.Index.open(index)
    far = int(ix.search(queries[3], len(vectors), exact=True).ids[-1])
    words = ("why-not", index, data / "queries.npy", far, "--row", 3, "-k", 5)
    why = ix.why_not(queries[3], far, 5)
    assert vicinal(*words, "--labels", labels).out == f"{why}\n{far} is name: shop {far}\n"
    told = vicinal(*words, "--labels", labels, "--json").json
    assert told.items() >= why.to_dict().items()
    assert (told["cause"], told["rank"], told["why"]) == ("beyond k", len(vectors), str(why))
    assert told["labels"] == {str(far): f"name: shop {far}"}


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("--row", 40), 2, "has 40 queries, numbered from 0"),
        (("--plan", "fly"), 2, "choose one of auto, graph, two-hop, scan"),
        (("--id-field", "id"), 2, "are about fields of --labels"),
        (("--filter-ids", "nothing.npy"), 3, "nothing.npy: No such file"),
        (("-k", 0), 2, "greater than or equal to 1"),
    ],
)
def test_what_both_refuse(vicinal, data, index, words, status, says):
    for command, more in (("explain", ()), ("why-not", (5,))):
        said = vicinal(command, index, data / "queries.npy", *more, *words)
        assert (said.status, says in said.err, said.out) == (status, True, "")


def test_what_either_refuses(vicinal, data, index, tmp_path):
    queries = data / "queries.npy"
    assert "is not in the index" in vicinal("why-not", index, queries, 999_999).err
    assert (
        "a budget is what a proof may cost" in vicinal("explain", index, queries, "--budget", 3).err
    )
    assert vicinal("explain", tmp_path / "nothing.vicinal", queries).status == 3
    np.save(tmp_path / "wide.npy", np.zeros((1, 3), np.float32))
    assert vicinal("explain", index, tmp_path / "wide.npy").status == 2
