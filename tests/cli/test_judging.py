"""`vicinal recall`, `info` and `verify`: what an index is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import vicinal as library

MEASURED = {
    *("recall", "low", "high", "epsilon_mean", "epsilon_p99", "epsilon_max", "epsilon_unbounded"),
    *("qps", "exact_qps", "n_queries", "k", "ef_search"),
}


def test_recall_is_measured_at_each_ef_search(vicinal, data, index):
    words = ("recall", index, data / "queries.npy", "-k", 5, "--ef-search", "5,200")
    said = vicinal(*words, "--json")
    assert (said.status, said.err) == (0, "")
    low, high = said.json["measurements"]
    assert set(low) == set(high) == MEASURED
    assert (low["ef_search"], high["ef_search"]) == (5, 200)
    assert high["recall"] >= 0.99
    assert high["low"] < high["recall"] <= high["high"] + 1e-9
    table = vicinal(*words)
    assert table.status == 0
    assert "ef_search" in table.out
    assert len(table.out.splitlines()) == 4


def test_recall_below_the_bar_is_a_failed_check(vicinal, data):
    poor = data / "poor.vicinal"
    knobs = ("--M", 2, "--ef-construction", 2, "--threads", 1)
    assert vicinal("build", data / "vectors.npy", "-o", poor, *knobs).status == 0
    words = ("recall", poor, data / "queries.npy", "-k", 10, "--ef-search", "10")
    measured = vicinal(*words, "--json").json["measurements"][0]["recall"]
    assert 0 < measured < 1
    said = vicinal(*words, "--fail-under", 1.0, "--json")
    assert said.status == 1
    assert "below 1.0" in said.err
    assert said.json["measurements"][0]["recall"] == measured
    assert vicinal(*words, "--fail-under", measured - 0.001).status == 0


@pytest.mark.parametrize("text", ["", "0", "a", "10,,20", "10;20"])
def test_ef_search_is_a_list_of_numbers(vicinal, data, index, text):
    said = vicinal("recall", index, data / "queries.npy", "--ef-search", text)
    assert said.status == 2
    assert "16,32,64" in said.err


def test_info_says_what_the_index_is(vicinal, index, vectors):
    said = vicinal("info", index, "--json")
    assert (said.status, said.err) == (0, "")
    facts = said.json
    stats = library.Index.open(index).stats()
    assert facts["vectors"] == len(vectors)
    assert facts["nodes_per_layer"] == stats.nodes_per_layer.tolist()
    assert facts["nodes_per_layer"][0] == len(vectors)
    assert len(facts["mean_degree_per_layer"]) == len(facts["nodes_per_layer"])
    assert 0 < facts["mean_degree_per_layer"][0] <= 2 * facts["M"]
    assert sum(facts["bytes"].values()) == pytest.approx(
        facts["bytes_per_vector"] * len(vectors), rel=0.01
    )
    shown = vicinal("info", index).out
    for value in (str(index), "l2", "f32", "layer 0"):
        assert value in shown


def test_verify_finds_a_whole_index_whole(vicinal, index, vectors):
    said = vicinal("verify", index, "--json")
    assert (said.status, said.err) == (0, "")
    assert said.json["ok"] is True
    assert said.json["reachable"] == said.json["vectors"] == len(vectors)
    assert said.json["unreachable"] == said.json["damage"] == []
    assert "whole" in vicinal("verify", index).out


def test_verify_finds_one_flipped_bit(vicinal, index):
    content = bytearray(index.read_bytes())
    content[len(content) // 2] ^= 4
    index.write_bytes(content)
    said = vicinal("verify", index, "--json")
    assert said.status == 1
    assert said.json["ok"] is False
    assert str(index) in said.json["damage"][0]
    assert said.err.count("\n") == 1
    # To every other command it is a file problem.
    assert vicinal("info", index).status in (0, 3)  # it reads no more than it needs
    assert vicinal("search", index, index.with_name("queries.npy")).status == 3


def test_verify_mends_what_can_be_made_anew(vicinal, index, vectors):
    whole = index.read_bytes()
    said = vicinal("verify", index, "--repair", "--json")
    assert (said.status, said.json["mended"]) == (0, [])
    assert index.read_bytes() == whole
    data = bytearray(whole)
    # Vectors come first, then links, then the sums of blocks.
    middle = 4096 + vectors.nbytes + (len(data) - 4096 - vectors.nbytes) // 2
    data[middle : middle + 3000] = bytes(3000)
    index.write_bytes(data)
    assert vicinal("verify", index).status == 1
    said = vicinal("verify", index, "--repair")
    assert said.status == 0
    assert "inserted anew" in said.out
    assert "whole" in vicinal("verify", index).out


def test_verify_says_what_nothing_can_be_made_from(vicinal, index):
    data = bytearray(index.read_bytes())
    data[4096 + 100] ^= 1
    index.write_bytes(data)
    said = vicinal("verify", index, "--repair")
    assert said.status == 1
    assert "walk" in said.err
    assert index.read_bytes() == data


def test_verify_names_vectors_that_no_search_reaches(vicinal, index, monkeypatch):
    whole = library.Index.open(index).verify()
    torn = replace(whole, unreachable=np.arange(100, 112))
    monkeypatch.setattr(library.Index, "verify", lambda _self: torn)
    said = vicinal("verify", index)
    assert said.status == 1
    assert "12 vectors can't be reached: 100, 101," in said.err
    assert said.err.rstrip().endswith(", …")


def test_tune_finds_what_is_enough(vicinal, data, index, queries):
    words = ("tune", index, data / "queries.npy", "--target", 0.97, "-k", 5)
    said = vicinal(*words, "--json")
    assert (said.status, said.err) == (0, "")
    facts = said.json
    assert facts["reached"] is True
    assert facts["stored"] is False
    assert (facts["command"], facts["n_queries"], facts["k"]) == ("tune", len(queries), 5)
    report = library.Index.open(index).tune(queries, 0.97, 5)
    assert facts["ef_search"] == report.ef_search
    assert [point["recall"] for point in facts["curve"]] == [p.recall for p in report.curve]
    table = vicinal(*words)
    assert table.status == 0
    assert table.out.count("<- enough") == 1
    assert len(table.out.splitlines()) == len(report.curve) + 3


def test_tune_without_queries_asks_stored_vectors(vicinal, index):
    said = vicinal("tune", index, "--sample", 50, "--mmap", "--json")
    assert said.status == 0
    assert said.json["stored"] is True
    assert said.json["n_queries"] == 50
    assert "50 stored vectors" in vicinal("tune", index, "--sample", 50).out


def test_a_target_out_of_reach_is_a_failed_check(vicinal, data):
    poor = data / "poor.vicinal"
    knobs = ("--M", 2, "--ef-construction", 2, "--threads", 1)
    assert vicinal("build", data / "vectors.npy", "-o", poor, *knobs).status == 0
    words = ("tune", poor, data / "queries.npy", "--target", 1, "--max-ef-search", 12)
    said = vicinal(*words, "--json")
    assert said.status == 1
    assert said.json["reached"] is False
    assert "no ef_search up to 12 reaches recall 1" in said.err
    assert "<- enough" not in vicinal(*words).out
    assert vicinal("tune", poor, "--target", 2).status == 2
