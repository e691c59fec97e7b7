"""Saved indexes come back whole; what can't be saved or opened says why and leaves no traces."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import vicinal
from support import SPACES, make_rows

DIM = 12


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def made(rng: np.random.Generator, metric: str = "l2", dtype: str = "f32") -> vicinal.Index:
    index = vicinal.Index(DIM, metric, dtype, M=8, ef_construction=40, seed=9)
    index.add(make_rows(rng, dtype, 300, DIM), ids=rng.permutation(10_000)[:300])
    return index


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_an_index_comes_back_whole(
    rng: np.random.Generator, tmp_path: Path, metric: str, dtype: str, mmap: bool
) -> None:
    index = made(rng, metric, dtype)
    index.save(tmp_path / "a.vicinal")
    back = vicinal.Index.open(tmp_path / "a.vicinal", mmap=mmap)
    assert repr(back) == repr(index)
    assert back.level_p == index.level_p
    assert_array_equal(back.ids(), index.ids())
    assert_array_equal(back.get(back.ids()), index.get(index.ids()))
    assert back.verify().ok
    assert_array_equal(back.stats().nodes_per_layer, index.stats().nodes_per_layer)
    Q = make_rows(rng, dtype, 20, DIM)
    for exact in (False, True):
        ours, theirs = (one.search(Q, 7, exact=exact, counters=True) for one in (index, back))
        assert_array_equal(ours.ids, theirs.ids)
        assert_array_equal(ours.distances, theirs.distances)
        assert ours.counters is not None
        assert theirs.counters is not None
        assert_array_equal(ours.counters.hops_per_layer, theirs.counters.hops_per_layer)


def test_an_opened_index_goes_on_as_the_one_that_was_saved(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    index, more = made(rng), make_rows(rng, "f32", 100, DIM)
    index.save(tmp_path / "a.vicinal")
    back = vicinal.Index.open(tmp_path / "a.vicinal")
    assert_array_equal(back.add(more, threads=1), index.add(more, threads=1))
    index.save(tmp_path / "b.vicinal")
    back.save(tmp_path / "c.vicinal")
    assert (tmp_path / "b.vicinal").read_bytes() == (tmp_path / "c.vicinal").read_bytes()


def test_an_empty_index_is_saved_too(tmp_path: Path) -> None:
    vicinal.Index(7, "jaccard", "bits").save(tmp_path / "a.vicinal")
    back = vicinal.Index.open(tmp_path / "a.vicinal")
    assert len(back) == 0
    back.add(np.ones((1, 7), bool))
    assert back.search(np.ones(7, bool), 1).ids == [0]


def test_a_mapped_index_is_not_changed(rng: np.random.Generator, tmp_path: Path) -> None:
    made(rng).save(tmp_path / "a.vicinal")
    before = (tmp_path / "a.vicinal").read_bytes()
    mapped = vicinal.Index.open(tmp_path / "a.vicinal", mmap=True)
    with pytest.raises(
        vicinal.ReadOnlyError, match=r"read-only memory map; open it with mmap=False"
    ):
        mapped.add(np.ones((1, DIM)))
    assert len(mapped) == 300
    mapped.save(tmp_path / "b.vicinal")
    assert (tmp_path / "b.vicinal").read_bytes() == before


def test_saving_replaces_the_file_even_while_it_is_mapped(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    index = made(rng)
    path = tmp_path / "a.vicinal"
    index.save(path)
    mapped = vicinal.Index.open(path, mmap=True)
    ids = index.ids()
    index.add(make_rows(rng, "f32", 50, DIM))
    index.save(path)
    assert_array_equal(mapped.ids(), ids)
    assert mapped.verify().ok
    assert len(vicinal.Index.open(path)) == 350
    assert names(tmp_path) == ["a.vicinal"]


@pytest.mark.parametrize("kind", [str, Path, os.fsencode, lambda path: Path(path).as_posix()])
def test_paths_are_given_as_anything_that_names_a_file(tmp_path: Path, kind: Any) -> None:
    path = tmp_path / "jalapeño ☕.vicinal"
    vicinal.Index(3).save(kind(path))
    assert len(vicinal.Index.open(kind(path))) == 0


@pytest.mark.parametrize("bad", [3, None, 2.5, ["a"]])
def test_what_is_not_a_path_is_refused(bad: Any) -> None:
    for call in (vicinal.Index(3).save, vicinal.Index.open):
        with pytest.raises(vicinal.InvalidTypeError, match=r"path must be a str or a Path, not"):
            call(bad)


@pytest.mark.parametrize("bad", ["", "a\0b"])
def test_what_can_name_no_file_is_refused(bad: str) -> None:
    for call in (vicinal.Index(3).save, vicinal.Index.open):
        with pytest.raises(vicinal.InvalidInputError, match=r"can't name a file"):
            call(bad)


def test_mmap_is_a_flag(tmp_path: Path) -> None:
    with pytest.raises(vicinal.InvalidTypeError, match=r"mmap must be True or False"):
        vicinal.Index.open(tmp_path, mmap="r")  # type: ignore[arg-type]


def test_a_missing_file_or_folder_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "not there" / "a.vicinal"
    for call in (vicinal.Index(3).save, vicinal.Index.open):
        with pytest.raises(vicinal.FileMissingError, match=r"not there.*check the name") as caught:
            call(missing)
        assert isinstance(caught.value, FileNotFoundError)
        assert caught.value.errno == errno.ENOENT
        assert caught.value.filename == str(missing)
    assert names(tmp_path) == []


def test_a_folder_is_no_index(tmp_path: Path) -> None:
    for call in (vicinal.Index(3).save, vicinal.Index.open):
        with pytest.raises(vicinal.StorageError, match=str(tmp_path)) as caught:
            call(tmp_path)
        assert caught.value.errno == errno.EISDIR


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(vicinal.StorageError, match=r"choose a place you may write to") as caught:
        vicinal.Index(3).save(tmp_path / "a.vicinal")
    assert caught.value.errno == errno.EACCES
    tmp_path.chmod(0o700)
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_is_not_written_over() -> None:
    with pytest.raises((vicinal.StorageError, vicinal.InvalidInputError), match="/dev/full"):
        vicinal.Index(3).save("/dev/full")
    assert Path("/dev/full").is_char_device()


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_a_full_disk_leaves_the_old_file(rng: np.random.Generator, tmp_path: Path) -> None:
    import resource
    import signal

    path = tmp_path / "a.vicinal"
    index = made(rng)
    index.save(path)
    before = path.read_bytes()
    index.add(make_rows(rng, "f32", 2000, DIM))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 4096, limits[1]))
        with pytest.raises(vicinal.StorageError, match=r"a\.vicinal.*writing") as caught:
            index.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == before
    assert names(tmp_path) == ["a.vicinal"]


@pytest.mark.parametrize("mmap", [False, True])
@pytest.mark.parametrize(
    "content",
    [b"", b"x", b"\x93NUMPY" + bytes(200), b"PK\3\4" + bytes(5000), bytes(100_000)],
    ids=["empty", "a byte", "numpy", "zip", "zeros"],
)
def test_other_files_are_told_apart(tmp_path: Path, content: bytes, mmap: bool) -> None:
    path = tmp_path / "other.vicinal"
    path.write_bytes(content)
    with pytest.raises(vicinal.FormatError, match=r"other\.vicinal"):
        vicinal.Index.open(path, mmap=mmap)


@pytest.mark.parametrize("mmap", [False, True])
def test_a_damaged_file_names_the_file_and_the_block(
    rng: np.random.Generator, tmp_path: Path, mmap: bool
) -> None:
    index, path = made(rng), tmp_path / "a.vicinal"
    index.save(path)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0x40
    for content in (bytes(damaged), whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(content)
        with pytest.raises(vicinal.CorruptionError, match=r"a\.vicinal: damaged at \S+"):
            vicinal.Index.open(path, mmap=mmap).verify()
