"""`vicinal build`: what it makes, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import vicinal as library
from vicinal.cli import build


def test_the_index_holds_the_vectors_of_the_file(vicinal, data, vectors):
    said = vicinal("build", data / "vectors.npy", "-o", data / "a.vicinal", "--json")
    assert (said.status, said.err) == (0, "")
    facts = said.json
    assert {key: facts[key] for key in ("vectors", "dim", "metric", "dtype", "M", "seed")} == {
        "vectors": len(vectors),
        "dim": vectors.shape[1],
        "metric": "l2",
        "dtype": "f32",
        "M": 16,
        "seed": 0,
    }
    assert facts["file_bytes"] == (data / "a.vicinal").stat().st_size
    assert facts["build_seconds"] >= 0
    index = library.Index.open(data / "a.vicinal")
    np.testing.assert_array_equal(index.get(index.ids()), vectors)


def test_knobs_reach_the_index(vicinal, data):
    words = [
        "--metric",
        "cosine",
        "--dtype",
        "f16",
        "--M",
        "8",
        "--ef-construction",
        "50",
        "--seed",
        "7",
        "--threads",
        "1",
    ]
    said = vicinal("build", data / "vectors.npy", "-o", data / "a.vicinal", *words)
    assert said.status == 0
    assert "cosine, f16" in said.out
    index = library.Index.open(data / "a.vicinal")
    assert (index.metric, index.dtype, index.M) == ("cosine", "f16", 8)
    assert (index.ef_construction, index.seed) == (50, 7)


@pytest.mark.parametrize(
    ("made", "metric", "stored", "dim"),
    [
        (np.uint8, "l2", "u8", 16),
        (np.int8, "l2", "i8", 16),
        (np.float16, "l2", "f16", 16),
        (np.float64, "l2", "f32", 16),
        (np.int32, "l2", "f32", 16),
        (np.bool_, "hamming", "bits", 16),
    ],
)
def test_the_dtype_is_that_of_the_data(vicinal, tmp_path, made, metric, stored, dim):
    values = np.random.default_rng(0).integers(0, 2, (50, 16)).astype(made)
    np.save(tmp_path / "x.npy", values)
    said = vicinal("build", tmp_path / "x.npy", "-o", tmp_path / "x.vicinal", "--json")
    assert said.status == 0, said.err
    assert (said.json["metric"], said.json["dtype"], said.json["dim"]) == (metric, stored, dim)


def test_packed_bits_are_counted_one_by_one(vicinal, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).integers(0, 256, (50, 4), np.uint8))
    words = ("build", tmp_path / "x.npy", "-o", tmp_path / "x.vicinal", "--json")
    said = vicinal(*words, "--metric", "jaccard")
    assert (said.json["dtype"], said.json["dim"]) == ("bits", 32)


def test_ids_come_from_a_column(vicinal, tmp_path, vectors):
    numbers = np.arange(len(vectors)) * 3 + 5
    np.savez(tmp_path / "x.npz", vectors=vectors, number=numbers)
    words = ("build", tmp_path / "x.npz", "-o", tmp_path / "x.vicinal")
    assert vicinal(*words, "--ids-column", "number").status == 0
    assert set(library.Index.open(tmp_path / "x.vicinal").ids()) == set(numbers)
    said = vicinal(*words, "--force", "--ids-column", "numbr")
    assert said.status == 2
    assert "'numbr'" in said.err
    assert "vectors, number" in said.err


def test_one_thread_and_one_seed_make_the_same_file(vicinal, data):
    for name in ("a.vicinal", "b.vicinal"):
        words = ("--threads", 1, "--seed", 5)
        assert vicinal("build", data / "vectors.npy", "-o", data / name, *words).status == 0
    assert (data / "a.vicinal").read_bytes() == (data / "b.vicinal").read_bytes()


def test_an_existing_index_is_replaced_only_by_force(vicinal, data, index):
    before = index.read_bytes()
    said = vicinal("build", data / "vectors.npy", "-o", index, "--M", 8)
    assert said.status == 2
    assert "--force" in said.err
    assert index.read_bytes() == before
    assert vicinal("build", data / "vectors.npy", "-o", index, "--M", 8, "--force").status == 0
    assert library.Index.open(index).M == 8


@pytest.mark.parametrize("blocks", [False, True], ids=["at once", "in blocks"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_row_is_named_and_nothing_is_written(
    vicinal, tmp_path, vectors, monkeypatch, bad, blocks
):
    spoilt = vectors.copy()
    spoilt[1234, 5] = bad
    name = "x.npz" if blocks else "x.npy"
    (np.savez if blocks else np.save)(tmp_path / name, spoilt)
    monkeypatch.setattr(build, "BLOCK_BYTES", 1000 * vectors[0].nbytes)
    said = vicinal("build", tmp_path / name, "-o", tmp_path / "x.vicinal")
    assert said.status == 2
    # In blocks, rows are counted from the block's first, and the message says which that is.
    assert ("counted from row 1,000" in said.err) == blocks
    assert ("234" if blocks else "1234") in said.err.replace(",", "")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_wrong_metric_names_the_right_ones(vicinal, data):
    said = vicinal("build", data / "vectors.npy", "-o", data / "a.vicinal", "--metric", "euclid")
    assert said.status == 2
    assert "cosine" in said.err
