"""Every format there and back, and every way a file can be wrong."""

from __future__ import annotations

import sys

import h5py
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyarrow import feather, parquet

from vicinal.datasets import SUFFIXES, load_vectors, open_vectors
from vicinal.errors import (
    CorruptionError,
    FileMissingError,
    InvalidInputError,
    InvalidTypeError,
    MissingExtraError,
    VicinalError,
)


def write_vecs(path, vectors):
    head = np.full((len(vectors), 1), vectors.shape[1], "<i4").view(np.uint8)
    body = np.ascontiguousarray(vectors).view(np.uint8).reshape(len(vectors), -1)
    path.write_bytes(np.hstack([head, body]).tobytes())


def table(vectors, fixed=True):
    if fixed:
        lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    else:
        lists = pa.array(list(vectors), pa.list_(pa.from_numpy_dtype(vectors.dtype)))
    return pa.table({"id": pa.array(np.arange(len(vectors))), "vector": lists})


def write_hdf5(path, vectors, **options):
    with h5py.File(path, "w") as file:
        file.create_dataset("train", data=vectors, **options)


def write_stream(path, vectors):
    whole = table(vectors)
    with pa.ipc.new_stream(path, whole.schema) as writer:
        writer.write_table(whole, max_chunksize=3)


WRITERS = {
    "x.npy": np.save,
    "fortran.npy": lambda path, x: np.save(path, np.asfortranarray(x)),
    "x.npz": lambda path, x: np.savez(path, vectors=x, ids=np.arange(len(x))),
    "packed.npz": np.savez_compressed,
    "fortran.npz": lambda path, x: np.savez(path, np.asfortranarray(x)),
    "x.fvecs": write_vecs,
    "x.hdf5": write_hdf5,
    "packed.h5": lambda path, x: write_hdf5(path, x, chunks=True, compression="gzip"),
    "x.parquet": lambda path, x: parquet.write_table(table(x), path, row_group_size=5),
    "lists.parquet": lambda path, x: parquet.write_table(table(x, fixed=False), path),
    "x.feather": lambda path, x: feather.write_feather(table(x), path, chunksize=4),
    "plain.feather": lambda path, x: feather.write_feather(
        table(x), path, compression="uncompressed"
    ),
    "stream.arrow": write_stream,
}


@pytest.mark.parametrize("name", WRITERS)
@given(
    vectors=arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.integers(1, 9)),
        elements=st.floats(width=32, allow_nan=False),
    ),
    rows=st.integers(1, 15),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
def test_vectors_come_back_as_they_were(tmp_path, name, vectors, rows):
    path = tmp_path / name
    path.unlink(missing_ok=True)
    WRITERS[name](path, vectors)
    for mmap in (True, False):
        loaded = load_vectors(path, mmap=mmap)
        assert loaded.dtype == np.float32
        np.testing.assert_array_equal(loaded, vectors)
    source = open_vectors(path)
    assert source.shape == vectors.shape
    blocks = list(source.blocks(rows))
    assert [len(block) for block in blocks[:-1]] == [rows] * (len(blocks) - 1)
    np.testing.assert_array_equal(np.concatenate(blocks), vectors)


@pytest.mark.parametrize(
    ("suffix", "dtype"), [(".bvecs", np.uint8), (".ivecs", np.int32), (".fvecs", np.float32)]
)
def test_vecs_files_keep_their_type(tmp_path, suffix, dtype):
    vectors = np.arange(12).reshape(4, 3).astype(dtype)
    write_vecs(tmp_path / f"x{suffix}", vectors)
    loaded = load_vectors(tmp_path / f"x{suffix}")
    assert loaded.dtype == dtype
    np.testing.assert_array_equal(loaded, vectors)


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float64, np.int8, np.uint8, np.int32, np.bool_, ">f4"]
)
@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.hdf5", "x.parquet"])
def test_other_types_come_back_too(tmp_path, name, dtype):
    if dtype == ">f4" and name == "x.parquet":
        dtype = "<f4"  # Arrow has no other order of bytes
    vectors = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    WRITERS[name](tmp_path / name, vectors)
    loaded = load_vectors(tmp_path / name)
    assert loaded.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(loaded, vectors)


@pytest.mark.parametrize("name", ["x.npy", "x.fvecs", "x.hdf5"])
def test_files_in_one_piece_are_mapped(tmp_path, name):
    WRITERS[name](tmp_path / name, np.ones((5, 4), np.float32))
    loaded = load_vectors(tmp_path / name)
    base = loaded
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        loaded[0, 0] = 2
    assert not isinstance(load_vectors(tmp_path / name, mmap=False), np.memmap)


def test_a_column_is_chosen_by_name_by_custom_or_because_it_is_alone(tmp_path):
    a, b = np.zeros((2, 3), np.float32), np.ones((4, 3), np.float32)
    with h5py.File(tmp_path / "x.hdf5", "w") as file:
        file["train"], file["test"], file["distances"] = a, b, b
    np.savez(tmp_path / "x.npz", mine=a, other=b)
    assert len(load_vectors(tmp_path / "x.hdf5")) == 2
    assert len(load_vectors(tmp_path / "x.hdf5", "test")) == 4
    assert len(open_vectors(tmp_path / "x.hdf5", role="queries")) == 4
    with pytest.raises(InvalidInputError, match="several arrays of vectors: mine, other"):
        load_vectors(tmp_path / "x.npz")
    assert len(load_vectors(tmp_path / "x.npz", "other")) == 4


@pytest.mark.parametrize("name", ["x.npz", "x.hdf5", "x.parquet", "x.feather"])
def test_a_missing_column_names_those_there_are(tmp_path, name):
    WRITERS[name](tmp_path / name, np.ones((2, 3), np.float32))
    held = {"x.npz": "vectors", "x.hdf5": "train"}.get(name, "vector")
    with pytest.raises(InvalidInputError, match=f"no .* 'nope'; it holds .*{held}"):
        load_vectors(tmp_path / name, "nope")


@pytest.mark.parametrize("name", ["x.npy", "x.fvecs"])
def test_formats_without_columns_say_so(tmp_path, name):
    WRITERS[name](tmp_path / name, np.ones((2, 3), np.float32))
    with pytest.raises(InvalidInputError, match="no column 'a'"):
        load_vectors(tmp_path / name, "a")


def test_ids_come_beside_the_vectors(tmp_path):
    for name in ("x.npz", "x.parquet", "x.feather"):
        WRITERS[name](tmp_path / name, np.ones((5, 3), np.float32))
        source = open_vectors(tmp_path / name)
        column = "ids" if name == "x.npz" else "id"
        np.testing.assert_array_equal(source.column(column), np.arange(5))
    np.save(tmp_path / "x.npy", np.ones((5, 3)))
    with pytest.raises(InvalidInputError, match="nothing but vectors"):
        open_vectors(tmp_path / "x.npy").column("ids")
    np.savez(tmp_path / "short.npz", vectors=np.ones((5, 3)), ids=np.arange(4))
    with pytest.raises(InvalidInputError, match=r"shape \(4,\).*\(5,\)"):
        open_vectors(tmp_path / "short.npz").column("ids")


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_cut_anywhere_is_refused(tmp_path, name):
    whole = tmp_path / name
    WRITERS[name](whole, np.arange(60, dtype=np.float32).reshape(10, 6))
    content = whole.read_bytes()
    cut = tmp_path / f"cut{whole.suffix}"
    lengths = {0, 1, 5, 9, len(content) // 3, len(content) // 2 + 1, len(content) - 9}
    for length in sorted(lengths):
        cut.write_bytes(content[:length])
        with pytest.raises(CorruptionError, match=r"cut\."):
            load_vectors(cut)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_another_programs_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_bytes(b"\xff\xd8\xff\xe0 some picture or other" * 100)
    with pytest.raises(VicinalError, match=r"x\."):
        load_vectors(path)


def test_a_truncated_fvecs_says_where(tmp_path):
    path = tmp_path / "x.fvecs"
    write_vecs(path, np.ones((7, 4), np.float32))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(CorruptionError, match="6 vectors of dimension 4, then 17 of the 20 bytes"):
        load_vectors(path)


def test_vectors_of_two_dimensions_in_one_fvecs_are_named(tmp_path):
    one, two = tmp_path / "1.fvecs", tmp_path / "2.fvecs"
    write_vecs(one, np.ones((3, 4), np.float32))
    write_vecs(two, np.ones((2, 9), np.float32))
    path = tmp_path / "x.fvecs"
    path.write_bytes(one.read_bytes() + two.read_bytes())
    with pytest.raises(CorruptionError, match="row 3 claims dimension 9, the first row 4"):
        load_vectors(path)


@pytest.mark.parametrize("dimension", [0, -1, 65_537, 1 << 30])
def test_an_fvecs_of_impossible_dimension_is_refused(tmp_path, dimension):
    path = tmp_path / "x.fvecs"
    path.write_bytes(np.array([dimension, 0, 0], "<i4").tobytes())
    with pytest.raises(CorruptionError, match="claims dimension"):
        load_vectors(path)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([[1.0, 2.0], [3.0]], "row 1 has 1 components, the first row 2"),
        ([[1.0, 2.0], None], "row 1 is null"),
        ([[1.0, 2.0], [3.0, None]], "row 1 has null for component 1"),
        ([[], []], "0 components"),
    ],
)
@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_ragged_and_missing_lists_name_the_row(tmp_path, values, complaint, suffix):
    path = tmp_path / f"x{suffix}"
    whole = pa.table({"vector": pa.array(values, pa.list_(pa.float32()))})
    if suffix == ".parquet":
        parquet.write_table(whole, path)
    else:
        feather.write_feather(whole, path)
    with pytest.raises(InvalidInputError, match=complaint):
        load_vectors(path)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.hdf5"])
@pytest.mark.parametrize(
    ("values", "error", "complaint"),
    [
        (np.zeros(5), InvalidInputError, "two dimensions|no .* of vectors"),
        (np.zeros((2, 3, 4)), InvalidInputError, "two dimensions|no .* of vectors"),
        (np.zeros((0, 4)), InvalidInputError, "holds no vectors"),
        (np.zeros((3, 0)), InvalidInputError, "0 components"),
        (np.zeros((2, 65_537), np.int8), InvalidInputError, "65,537 components"),
        (np.full((2, 2), b"a"), InvalidTypeError, "not numbers"),
        (np.zeros((2, 2), complex), InvalidTypeError, "not numbers"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(tmp_path, name, values, error, complaint):
    WRITERS[name](tmp_path / name, values)
    with pytest.raises(error, match=complaint):
        load_vectors(tmp_path / name)


def test_python_objects_are_never_unpickled(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.array([[print]], object), allow_pickle=True)
    with pytest.raises(InvalidTypeError, match="object, not numbers"):
        load_vectors(path)


def test_missing_files_folders_and_unknown_kinds_are_told_apart(tmp_path):
    with pytest.raises(FileMissingError, match="no such file"):
        load_vectors(tmp_path / "x.npy")
    with pytest.raises(InvalidInputError, match="is a folder"):
        load_vectors(tmp_path)
    (tmp_path / "x.csv").write_text("1,2\n")
    with pytest.raises(InvalidInputError, match=r"'\.csv'; readable are \.npy"):
        load_vectors(tmp_path / "x.csv")
    (tmp_path / "x.npy").write_bytes(b"")
    with pytest.raises(CorruptionError, match="is empty"):
        load_vectors(tmp_path / "x.npy")


@pytest.mark.parametrize(("name", "module"), [("x.hdf5", "h5py"), ("x.parquet", "pyarrow")])
def test_a_missing_library_comes_with_its_cure(tmp_path, monkeypatch, name, module):
    WRITERS[name](tmp_path / name, np.ones((2, 3), np.float32))
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"{module}: pip install 'vicinal\[formats\]'"):
        load_vectors(tmp_path / name)
