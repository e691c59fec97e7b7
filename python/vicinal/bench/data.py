"""What a run is about: vectors, queries and exact answers, kept where workers can map them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vicinal.bench.truth import METRICS, Truth, exact

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Vectors = npt.NDArray[Any]


@dataclass(frozen=True)
class Workload:
    """Vectors to index, queries to ask and the metric to ask them in.

    Attributes
    ----------
    name : str
        What tables call it.
    base : ndarray of shape (n, dim)
        The vectors, in the type of their file.
    queries : ndarray of shape (nq, dim)
        None of them in `base`.
    metric : {"l2", "cosine", "ip"}
        The metric.
    """

    name: str
    base: Vectors
    queries: Vectors
    metric: str

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise ValueError(f"metric {self.metric!r}: those in common are {', '.join(METRICS)}")
        if (
            self.base.ndim != 2
            or self.queries.ndim != 2
            or not (len(self.base) and len(self.queries))
        ):
            raise ValueError("vectors and queries must be two tables of at least one row")
        if self.base.shape[1] != self.queries.shape[1]:
            raise ValueError(
                f"vectors have {self.base.shape[1]} components, queries {self.queries.shape[1]}"
            )


@dataclass(frozen=True)
class Prepared:
    """A workload with the files that workers read and the exact answers."""

    workload: Workload
    base: Path
    queries: Path
    truth: Truth


def load(
    path: Path,
    queries: Path | None = None,
    *,
    metric: str = "l2",
    column: str | None = None,
    query_column: str | None = None,
    rows: int | None = None,
    held_out: int = 1000,
    seed: int = 0,
) -> Workload:
    """Read vectors and queries from files.

    Parameters
    ----------
    path : Path
        Any file of vectors that `vicinal.datasets.load_vectors` reads.
    queries : Path, optional
        A file of queries. Without it, the dataset "test" of an HDF5 file, as ann-benchmarks lays
        them out, or else `held_out` rows taken out of the vectors at random.
    metric : {"l2", "cosine", "ip"}
        The metric.
    column, query_column : str, optional
        Which column or dataset of the files, where they have several.
    rows : int, optional
        Use only so many vectors, the first ones.
    held_out : int
        Rows to take out as queries where there are none.
    seed : int
        Decides which.
    """
    from vicinal.datasets import load_vectors

    base = load_vectors(path, column)
    if queries is None and path.suffix.lower() in (".hdf5", ".h5") and query_column is None:
        query_column = "test"
    if queries is not None or query_column is not None:
        asked = load_vectors(queries or path, query_column)
        return Workload(path.stem, base[:rows], np.asarray(asked), metric)
    return split(path.stem, base, metric, rows, held_out, seed)


def split(
    name: str, vectors: Vectors, metric: str, rows: int | None, held_out: int, seed: int = 0
) -> Workload:
    """Take queries out of the vectors themselves."""
    vectors = vectors[: None if rows is None else rows + held_out]
    if held_out >= len(vectors):
        raise ValueError(
            f"{held_out} queries can't be held out of {len(vectors)} vectors; hold out fewer"
        )
    chosen = np.zeros(len(vectors), bool)
    chosen[np.random.default_rng(seed).choice(len(vectors), held_out, replace=False)] = True
    return Workload(name, vectors[~chosen], vectors[chosen], metric)


def generate(text: str, *, metric: str = "l2", queries: int = 1000, seed: int = 0) -> Workload:
    """Make vectors and queries by a generator of `vicinal.datasets`.

    Parameters
    ----------
    text : str
        Its name, and the number and length of the vectors: ``sift_like:1000000x128``.
    """
    from vicinal import datasets

    match = re.fullmatch(r"(\w+):([\d_]+)x(\d+)", text)
    makers: dict[str, Callable[..., Any]] = {
        "sift_like": datasets.sift_like,
        "embedding_like": datasets.embedding_like,
    }
    if match is None or match[1] not in makers:
        raise ValueError(
            f"{text!r}: write GENERATOR:ROWSxDIM, GENERATOR one of {', '.join(makers)}"
        )
    source = makers[match[1]](int(match[2]), int(match[3]), seed=seed)
    name = f"{match[1]} {len(source):,} x {source.dim}"
    return Workload(name, np.asarray(source), source.queries(queries), metric)


def prepare(workload: Workload, k: int, folder: Path, say: Callable[[str], None]) -> Prepared:
    """Write the float32 files that workers map and find the exact answers, or find both there."""
    folder.mkdir(parents=True, exist_ok=True)
    name = _digest(workload.base, workload.queries, workload.metric)
    base, queries = folder / f"{name}-base.npy", folder / f"{name}-queries.npy"
    for file, vectors in ((base, workload.base), (queries, workload.queries)):
        if not file.exists():
            _write(file, vectors, workload.metric)
    answers = folder / f"{name}-top{k}.npz"
    if not answers.exists():
        say(f"finding the exact answers to {len(workload.queries):,} queries")
        truth = exact(workload.base, workload.queries, k, workload.metric)
        part = answers.with_suffix(".part.npz")
        truth.save(part)
        part.replace(answers)
    return Prepared(workload, base, queries, Truth.load(answers))


def _write(file: Path, vectors: Vectors, metric: str) -> None:
    part = file.with_suffix(".part")
    out = np.lib.format.open_memmap(part, "w+", np.float32, vectors.shape)
    for start in range(0, len(vectors), 1 << 16):
        block = vectors[start : start + (1 << 16)].astype(np.float64)
        if metric == "cosine":
            block /= np.linalg.norm(block, axis=1, keepdims=True)
        out[start : start + len(block)] = block
    out.flush()
    part.replace(file)


def _digest(base: Vectors, queries: Vectors, metric: str) -> str:
    digest = hashlib.blake2b(metric.encode(), digest_size=10)
    for vectors in (base, queries):
        digest.update(f"{vectors.shape}{vectors.dtype.str}".encode())
        for start in range(0, len(vectors), 1 << 16):
            digest.update(
                np.ascontiguousarray(vectors[start : start + (1 << 16)]).view(np.uint8).data
            )
    return digest.hexdigest()
