"""Files are written whole or not at all, whoever else writes them meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import vicinal
from vicinal.outputs import atomic, target

if TYPE_CHECKING:
    from pathlib import Path


def test_threads_may_write_one_file_at_the_same_time(tmp_path: Path) -> None:
    page = tmp_path / "page.html"

    def write(letter: str) -> None:
        with atomic(page) as part:
            assert part.suffix == ".html"
            part.write_text(letter * 100_000)

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(write, "abcdefgh")] == [None] * 8
    assert len({*page.read_text()}) == 1
    assert [*tmp_path.iterdir()] == [page]


def test_what_fails_leaves_the_old_file(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")

    def fail(error: Exception) -> None:
        with atomic(page) as part:
            part.write_text("new")
            raise error

    with pytest.raises(vicinal.StorageError, match="can't be written: No space"):
        fail(OSError(28, "No space left on device"))
    with pytest.raises(ValueError, match="ours"):
        fail(ValueError("ours"))
    assert page.read_text() == "old"
    assert [*tmp_path.iterdir()] == [page]


@pytest.mark.parametrize("name", ["x" * 300, "x." + "y" * 300])
def test_names_that_no_system_takes(tmp_path: Path, name: str) -> None:
    assert target(tmp_path / name) == tmp_path / name
    with pytest.raises(vicinal.StorageError, match="can't be written"), atomic(tmp_path / name):
        pass
    assert [*tmp_path.iterdir()] == []
    with pytest.raises(vicinal.FileMissingError, match="no such folder"):
        target(tmp_path / name / "page.html")
