"""A database in a temporary folder, and a collection in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import vicinal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vicinal.collection import Collection

DIM = 8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def db(path: Path) -> Iterator[vicinal.Database]:
    with vicinal.open(path) as database:
        yield database


@pytest.fixture
def docs(db: vicinal.Database) -> Collection:
    return db.collection("docs", dim=DIM, metric="l2", if_missing="create")
