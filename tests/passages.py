"""Records with vectors, for the commands of ``vicinal db``, and what a database has of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import vicinal

if TYPE_CHECKING:
    from pathlib import Path

N, DIM = 120, 6
X = np.random.default_rng(9).normal(size=(N, DIM)).astype(np.float32)
ROWS = [{"id": f"p{i}", "body": f"word{i} of all", "n": i} for i in range(N)]


def records(path: Path, name: str = "docs") -> dict[Any, Any]:
    """All that is in a collection, by id."""
    with vicinal.open(path, mode="r") as db:
        page = db.collection(name).scroll(limit=100_000, vectors=True)
        return {
            record.id: (
                record.payload,
                {key: (v.dtype, v.tobytes()) for key, v in record.vectors.items()},
            )
            for record in page.records
        }
