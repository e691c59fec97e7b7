"""A shell of sorts: run `vicinal …` and see what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vicinal.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS, DIM = 1500, 24


@dataclass
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.out)


@pytest.fixture
def vicinal(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command in this process."""

    def run(*words: object) -> Said:
        capsys.readouterr()
        status = main([str(word) for word in words])
        return Said(int(status), *capsys.readouterr())

    return run


@pytest.fixture
def shell() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command in a process of its own."""

    def run(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
        options.setdefault("stdout", subprocess.PIPE)
        return subprocess.run(
            [sys.executable, "-m", "vicinal", *map(str, words)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "80"},
            timeout=100,
            check=False,
            **options,
        )

    return run


@pytest.fixture(scope="session")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(30, DIM))
    points = centres[rng.integers(30, size=ROWS)] + 0.4 * rng.normal(size=(ROWS, DIM))
    return points.astype(np.float32)


@pytest.fixture(scope="session")
def queries(vectors: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(4).normal(size=(40, DIM))
    return (vectors[:40] + 0.2 * noise).astype(np.float32)


@pytest.fixture
def data(tmp_path: Path, vectors: np.ndarray, queries: np.ndarray) -> Path:
    """A folder with vectors.npy and queries.npy."""
    np.save(tmp_path / "vectors.npy", vectors)
    np.save(tmp_path / "queries.npy", queries)
    return tmp_path


@pytest.fixture
def index(data: Path, vicinal: Callable[..., Said]) -> Path:
    """An index of vectors.npy, built by the command."""
    path = data / "vectors.vicinal"
    said = vicinal("build", data / "vectors.npy", "-o", path, "--seed", 1)
    assert said.status == 0, said.err
    return path
