"""A town, and no thread that changes its graph meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from town import Town
from vicinal.collection.graphs import builder, grower

if TYPE_CHECKING:
    import numpy as np

    import vicinal


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs are made of the smallest collections, but only when they are asked for."""
    monkeypatch.setattr(grower, "SMALL", 1)
    monkeypatch.setattr(builder.Builder, "watch", lambda *_: None)


@pytest.fixture
def town(db: vicinal.Database, rng: np.random.Generator) -> Town:
    return Town(db, rng, "l2", "f32")
