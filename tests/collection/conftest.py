"""A database in a temporary folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import vicinal
from vicinal.collection.graphs import builder, grower

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def db(path: Path) -> Iterator[vicinal.Database]:
    with vicinal.open(path) as database:
        yield database


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs are made of the smallest collections, too, and at once."""
    monkeypatch.setattr(grower, "SMALL", 1)
    monkeypatch.setattr(grower, "STEP", 64)
    monkeypatch.setattr(builder, "PAUSE", 0.0)
