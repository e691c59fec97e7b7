"""The TEXMEX files: .fvecs, .bvecs and .ivecs, each vector preceded by its dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.datasets.choose import MAX_DIM
from vicinal.datasets.source import BLOCK_ROWS, VectorSource
from vicinal.errors import CorruptionError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

COMPONENTS: dict[str, np.dtype[Any]] = {
    ".fvecs": np.dtype("<f4"),
    ".bvecs": np.dtype("u1"),
    ".ivecs": np.dtype("<i4"),
}
HEADER = np.dtype("<i4")


class VecsSource(VectorSource):
    """A .fvecs, .bvecs or .ivecs file, mapped. Each block's headers are checked as it is read."""

    def __init__(self, path: Path, mmap: bool) -> None:
        self.name = str(path)
        self.dtype = COMPONENTS[path.suffix.lower()]
        size = path.stat().st_size
        if size < HEADER.itemsize:
            raise CorruptionError(f"{path}: {size} bytes are too few for a vector")
        self.dim = int(np.fromfile(path, HEADER, 1)[0])
        if not 1 <= self.dim <= MAX_DIM:
            raise CorruptionError(
                f"{path}: not a {path.suffix} file: its first vector claims dimension {self.dim:,}"
            )
        record = np.dtype([("dim", HEADER), ("vector", self.dtype, (self.dim,))])
        self.rows, rest = divmod(size, record.itemsize)
        if self.rows:
            self._records: NDArray[Any] = (
                np.memmap(path, record, "r", shape=(self.rows,))
                if mmap
                else np.fromfile(path, record, self.rows)
            )
        if rest:
            # A vector of another dimension explains the odd size better than a missing tail does.
            for _ in self.blocks():
                pass
            raise CorruptionError(
                f"{path}: truncated: {self.rows:,} vectors of dimension {self.dim}, then "
                f"{rest:,} of the {record.itemsize:,} bytes of the next"
            )

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """See `VectorSource.blocks`."""
        for start in range(0, self.rows, rows):
            records = self._records[start : start + rows]
            odd = np.flatnonzero(records["dim"] != self.dim)
            if odd.size:
                raise CorruptionError(
                    f"{self.name}: row {start + odd[0]:,} claims dimension "
                    f"{records['dim'][odd[0]]:,}, the first row {self.dim}"
                )
            yield records["vector"]

    def array(self) -> NDArray[Any]:
        """See `VectorSource.array`."""
        for _ in self.blocks():  # every header must be right before the vectors are handed out
            pass
        vectors: NDArray[Any] = self._records["vector"]
        return vectors
