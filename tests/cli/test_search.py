"""`vicinal search`: answers on the screen, as JSON, and in files."""

from __future__ import annotations

import json

import numpy as np
import pytest

import vicinal as library


@pytest.fixture
def truth(vectors, queries):
    return library.knn(vectors, queries, 5)


def test_exact_answers_are_the_true_ones(vicinal, data, index, truth):
    said = vicinal("search", index, data / "queries.npy", "-k", 5, "--exact", "--json")
    assert (said.status, said.err) == (0, "")
    facts = said.json
    assert (facts["queries"], facts["k"], facts["exact"], facts["ef_search"]) == (40, 5, True, None)
    assert [row["query"] for row in facts["results"]] == list(range(40))
    np.testing.assert_array_equal([row["ids"] for row in facts["results"]], truth.ids)
    distances = np.array([row["distances"] for row in facts["results"]], np.float32)
    np.testing.assert_array_equal(distances, truth.distances)


def test_ef_search_is_the_engines(vicinal, data, index, queries):
    said = vicinal("search", index, data / "queries.npy", "-k", 5, "--ef-search", 7, "--json")
    expected = library.Index.open(index).search(queries, 5, ef_search=7)
    np.testing.assert_array_equal([row["ids"] for row in said.json["results"]], expected.ids)


def test_a_filter_comes_from_a_file(vicinal, data, index, vectors, queries):
    mask = np.arange(len(vectors)) % 3 == 0
    ids = np.flatnonzero(mask)
    np.save(data / "mask.npy", mask)
    np.save(data / "ids.npy", ids)
    (data / "ids.txt").write_text("\n".join(map(str, ids)))
    (data / "ids.roaring").write_bytes(library.IdSet(ids).serialize())
    expected = library.Index.open(index).search(queries, 5, filter=ids)
    for name in ("mask.npy", "ids.npy", "ids.txt", "ids.roaring"):
        words = ("search", index, data / "queries.npy", "-k", 5, "--filter-ids", data / name)
        said = vicinal(*words, "--json")
        assert (said.status, said.err) == (0, "")
        np.testing.assert_array_equal([row["ids"] for row in said.json["results"]], expected.ids)
    for name, text in (("missing.npy", "missing.npy"), ("queries.npy", "queries.npy: ")):
        said = vicinal("search", index, data / "queries.npy", "--filter-ids", data / name)
        assert said.status != 0
        assert text in said.err
    (data / "bad.txt").write_text("1 two")
    said = vicinal("search", index, data / "queries.npy", "--filter-ids", data / "bad.txt")
    assert said.status != 0
    assert "bad.txt" in said.err


@pytest.mark.parametrize("suffix", [".npz", ".jsonl"])
def test_a_file_keeps_all_answers(vicinal, data, index, truth, suffix):
    file = data / f"hits{suffix}"
    words = ("search", index, data / "queries.npy", "-k", 5, "--exact", "-o", file)
    said = vicinal(*words, "--json")
    assert said.status == 0
    assert said.json["output"] == str(file)
    assert "results" not in said.json
    if suffix == ".npz":
        kept = np.load(file)
        np.testing.assert_array_equal(kept["ids"], truth.ids)
        np.testing.assert_array_equal(kept["distances"], truth.distances)
        np.testing.assert_array_equal(kept["counts"], 5)
    else:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        np.testing.assert_array_equal([line["ids"] for line in lines], truth.ids)
    again = vicinal(*words)
    assert again.status == 2
    assert "--force" in again.err
    assert vicinal(*words, "--force").status == 0


def test_a_guarantee_is_told_of_each_query(vicinal, data, index, truth, vectors):
    words = ("search", index, data / "queries.npy", "-k", 5)
    said = vicinal(*words, "--guarantee", "exact", "--json")
    assert (said.status, said.err) == (0, "")
    facts = said.json
    assert (facts["guarantee"], facts["certified"]) == ("exact", 40)
    assert 0 < facts["measured_share"] <= 1
    np.testing.assert_array_equal([row["ids"] for row in facts["results"]], truth.ids)
    assert {(row["certified"], row["epsilon"]) for row in facts["results"]} == {(True, 0.0)}
    poor = vicinal(*words, "--guarantee", "0.1", "--budget", "0", "--json").json
    assert poor["certified"] == 0
    assert {(row["certified"], row["epsilon"]) for row in poor["results"]} == {(False, None)}
    kept = vicinal(*words, "--guarantee", "0.1", "--budget", "1.0", "-o", data / "proven.npz")
    assert "40 certified (guarantee 0.1); 100.00% of the vectors were measured" in kept.out
    proven = np.load(data / "proven.npz")
    assert proven["certified"].all()
    np.testing.assert_array_equal(proven["measured"], len(vectors))
    assert "not certified" in vicinal(*words, "--guarantee", "0.1", "--budget", "0").out
    for wrong in (("--guarantee", "sure"), ("--guarantee", "exact", "--budget", "all")):
        refused = vicinal(*words, *wrong)
        assert refused.status == 2
        assert wrong[-2].lstrip("-") in refused.err


def test_fewer_vectors_than_k_are_all_there_are(vicinal, tmp_path):
    np.save(tmp_path / "x.npy", np.eye(3, dtype=np.float32))
    vicinal("build", tmp_path / "x.npy", "-o", tmp_path / "x.vicinal")
    said = vicinal("search", tmp_path / "x.vicinal", tmp_path / "x.npy", "-k", 10, "--json")
    assert [len(row["ids"]) for row in said.json["results"]] == [3, 3, 3]
    assert said.json["results"][0]["ids"][0] == 0


def test_a_person_sees_the_first_queries(vicinal, data, index, truth):
    said = vicinal("search", index, data / "queries.npy", "-k", 5, "--mmap")
    assert said.status == 0
    assert said.out.count("query ") == 5
    assert f"id {truth.ids[0, 0]} " in said.out
    assert "35 more queries" in said.out


def test_queries_of_an_hdf5_file_are_its_test_set(vicinal, data, index, vectors, queries, truth):
    import h5py

    with h5py.File(data / "both.hdf5", "w") as file:
        file["train"], file["test"] = vectors, queries
    said = vicinal("search", index, data / "both.hdf5", "-k", 5, "--exact", "--json")
    np.testing.assert_array_equal([row["ids"] for row in said.json["results"]], truth.ids)


def test_queries_of_another_dimension_are_refused(vicinal, data, index):
    np.save(data / "q.npy", np.zeros((2, 7), np.float32))
    said = vicinal("search", index, data / "q.npy")
    assert said.status == 2
    assert "7" in said.err
    assert "24" in said.err


def test_answers_are_kept_as_npz_or_jsonl_only(vicinal, data, index):
    said = vicinal("search", index, data / "queries.npy", "-o", data / "hits.csv")
    assert said.status == 2
    assert ".jsonl" in said.err
