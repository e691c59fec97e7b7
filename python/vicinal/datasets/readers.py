"""Vectors out of files: `load_vectors` gives an array, `open_vectors` a table to walk in blocks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vicinal.datasets.arrow import ArrowSource
from vicinal.datasets.hdf5 import Hdf5Source
from vicinal.datasets.numpy_files import NpzSource, open_npy
from vicinal.datasets.vecs import COMPONENTS, VecsSource
from vicinal.errors import (
    CorruptionError,
    FileMissingError,
    InvalidInputError,
    StorageError,
    VicinalError,
)

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from vicinal.datasets.source import VectorSource

SUFFIXES = (
    *(".npy", ".npz"),
    *COMPONENTS,
    *(".hdf5", ".h5"),
    *(".parquet", ".arrow", ".feather"),
)


def open_vectors(
    path: str | os.PathLike[str],
    column: str | None = None,
    *,
    mmap: bool = True,
    role: Literal["base", "queries"] = "base",
) -> VectorSource:
    """Open a file of vectors without reading it all.

    Parameters
    ----------
    path : path-like
        A .npy, .npz, .fvecs, .bvecs, .ivecs, .hdf5, .h5, .parquet, .arrow or .feather file.
    column : str, optional
        The array (.npz), dataset (.hdf5) or column (.parquet, .arrow, .feather) that holds the
        vectors. Without it the usual names are tried ("train" or "test", "vectors", "embedding"),
        then whatever alone can hold vectors.
    mmap : bool, default True
        Map the file rather than read it, where its format lets one. A mapped file must stay as it
        is: where another program cuts it short, the system ends the process that reads there
        (SIGBUS). False reads a copy into memory.
    role : {"base", "queries"}, default "base"
        What the vectors are for: it decides which of the usual names come first.

    Returns
    -------
    VectorSource
        Array-like; `VectorSource.blocks` walks it in pieces.

    Raises
    ------
    FileMissingError
        If there is no such file.
    CorruptionError
        If the file is truncated, damaged, or not what its suffix says.
    InvalidInputError
        If it holds no table of vectors, or several and `column` doesn't choose; if lists in it
        differ in length.
    MissingExtraError
        If its format needs a library that isn't installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    try:
        if not path.exists():
            raise FileMissingError(f"{path}: no such file")
        if path.is_dir():
            raise InvalidInputError(f"{path}: is a folder; name a file of vectors in it")
        if suffix not in SUFFIXES:
            raise InvalidInputError(
                f"{path}: unknown kind of file {suffix!r}; readable are {', '.join(SUFFIXES)}"
            )
        with path.open("rb"):  # a refusal here is the system's, not the format's
            pass
        if path.stat().st_size == 0:
            raise CorruptionError(f"{path}: is empty")
        if column is not None and (suffix == ".npy" or suffix in COMPONENTS):
            raise InvalidInputError(
                f"{path}: has no column {column!r}: a {suffix} file is one table of vectors"
            )
        if suffix == ".npy":
            return open_npy(path, mmap)
        if suffix == ".npz":
            return NpzSource(path, column, role)
        if suffix in COMPONENTS:
            return VecsSource(path, mmap)
        if suffix in (".hdf5", ".h5"):
            return Hdf5Source(path, column, role, mmap)
        return ArrowSource(path, column, role, mmap)
    except VicinalError:
        raise
    except OSError as error:
        raise StorageError(f"{path}: can't be read: {error.strerror or error}") from error


def load_vectors(
    path: str | os.PathLike[str],
    column: str | None = None,
    mmap: bool = True,
) -> NDArray[Any]:
    """Load the vectors of a file as an array of shape (rows, dim).

    Parameters
    ----------
    path, column
        As in `open_vectors`.
    mmap : bool, default True
        Return a read-only view of the file where its format lets one: .npy, .fvecs, .bvecs,
        .ivecs, .hdf5 stored in one piece, .arrow and .feather of one batch of fixed-size lists.
        Such a file must stay as it is while it is in use; see `open_vectors`.

    Returns
    -------
    ndarray of shape (rows, dim)
        In the type of the file.

    Raises
    ------
    VicinalError
        As in `open_vectors`.

    Examples
    --------
    >>> vectors = load_vectors("sift-128-euclidean.hdf5")             # doctest: +SKIP
    >>> queries = load_vectors("sift-128-euclidean.hdf5", "test")     # doctest: +SKIP
    """
    return open_vectors(path, column, mmap=mmap).array()
