"""What other systems do otherwise, acted on here: Windows and macOS."""

from __future__ import annotations

import fcntl as posix
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import vicinal
from vicinal import outputs
from vicinal.collection.graphs import files

X = np.eye(4, dtype=np.float32)


@pytest.fixture
def macos(monkeypatch) -> list[int]:
    """A macOS of sorts: the handles whose disks were told to write what is in their memory."""
    told: list[int] = []

    def fcntl(handle: int, command: int) -> None:
        assert command == 51
        told.append(handle)

    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(
        outputs, "fcntl", SimpleNamespace(fcntl=fcntl, F_FULLFSYNC=51), raising=False
    )
    return told


@pytest.fixture
def synced(monkeypatch) -> list[int]:
    """What each handle that was synced had been opened for."""
    modes: list[int] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        modes.append(posix.fcntl(handle, posix.F_GETFL) & os.O_ACCMODE)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return modes


def test_on_macos_all_goes_through_the_disk_s_own_memory(path, macos, synced) -> None:
    with vicinal.open(path) as db:
        writer = db._store._writer
        assert writer is not None
        assert writer.pragma("fullfsync") == 1
        assert writer.pragma("checkpoint_fullfsync") == 1
        db.collection("docs", dim=4, if_missing="create").upsert(["a"], X[:1])
        before = len(macos)
        db.snapshot(path.with_name("copy.db"))
        assert len(macos) >= before + 3  # the file, its folder, and the folder of that
    assert not synced


def test_on_macos_a_disk_that_can_not_is_synced_as_far_as_it_goes(
    path, macos, synced, monkeypatch
) -> None:
    def refused(*_: Any) -> None:
        raise OSError(45, "Operation not supported")

    assert not macos
    monkeypatch.setattr(outputs.fcntl, "fcntl", refused)  # type: ignore[attr-defined]
    vicinal.open(path).close()
    assert synced


def test_on_windows_folders_are_not_synced_and_files_only_by_who_may_write(
    path, synced, monkeypatch
) -> None:
    with vicinal.open(path) as db:
        docs = db.collection("docs", dim=4, if_missing="create")
        docs.upsert(["a"], X[:1])
        monkeypatch.setattr(sys, "platform", "win32")
        synced.clear()
        db.snapshot(path.with_name("copy.db"))
        with outputs.atomic(path.with_name("page.html")) as part:
            part.write_text("page")
    assert len(synced) >= 2
    assert os.O_RDONLY not in synced


def test_on_windows_the_file_of_a_graph_that_is_mapped_stays_until_the_next_open(
    path, monkeypatch
) -> None:
    rng = np.random.default_rng(0)
    with vicinal.open(path) as db:
        docs = db.collection("docs", dim=4, if_missing="create")
        docs.upsert(range(50), rng.normal(size=(50, 4)))
        docs.compact()
    real = Path.unlink

    def mapped(file: Path, missing_ok: bool = False) -> None:
        if file.suffix == ".vicinal":
            raise PermissionError(13, "used by another process")
        real(file, missing_ok)

    graphs = path / files.GRAPHS
    with vicinal.open(path, mode="r") as reader, vicinal.open(path) as db:
        assert len(reader.collection("docs").search(X[0])) == 10
        monkeypatch.setattr(Path, "unlink", mapped)
        docs = db.collection("docs")
        docs.delete(range(30))
        docs.compact()
        assert len(list(graphs.iterdir())) == 2
        assert sorted(docs.search(X[0], k=50).ids) == list(range(30, 50))
    monkeypatch.setattr(Path, "unlink", real)
    vicinal.open(path).close()
    assert len(list(graphs.iterdir())) == 1


def test_names_of_collections_are_no_names_of_files(path) -> None:
    names = ["CON", "nul", "LPT1", "docs", "Docs", "DOCS", "com1.txt"]
    with vicinal.open(path) as db:
        for place, name in enumerate(names):
            docs = db.collection(name, dim=4, if_missing="create")
            docs.upsert([place], X[:1])
            docs.compact()
        db.snapshot(path.with_name("copy.db"))
    with vicinal.open(path.with_name("copy.db")) as db:
        assert [db.collection(name).scroll().records[0].id for name in names] == [*range(7)]
        found = {file.stem.lower() for file in path.rglob("*")}
        assert not found & {name.lower() for name in names}
