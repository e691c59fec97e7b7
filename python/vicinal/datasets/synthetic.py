"""Seeded vectors that are as hard to search as real ones.

Points drawn from one Gaussian or a cube are no measure of anything: every neighbour is about as far
as any other. Real vectors gather in groups of uneven size and width, and vary in far fewer
directions than they have components. The laws here have both, and their constants are fitted, at
100,000 vectors, to the local intrinsic dimension (Levina & Bickel 2004, 100 neighbours) and to the
recall of HNSW at equal effort of the real vectors they are named after.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vicinal.datasets.source import BLOCK_ROWS, VectorSource, regroup
from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# Rows that are drawn together. Part of the law: another number would give other vectors.
DRAWN = 8192
# What a stream of random numbers is for; the law itself, the vectors, the queries.
LAW, BASE, QUERIES = range(3)


def stream(seed: int, purpose: int, block: int = 0) -> np.random.Generator:
    """Return the random numbers of one block, which depend on no other block."""
    key = np.array([seed, purpose << 48 | block], np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def embed(points: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Multiply without BLAS, whose libraries round differently: the bytes must not."""
    product: NDArray[np.float32] = np.einsum("ij,jk->ik", points, matrix)
    return product


class Generated(VectorSource):
    """Vectors drawn from a law, block by block.

    The first rows of a long table are those of a short one, whatever the blocks they are read in:
    row i depends on the law, the seed and i alone.

    Parameters
    ----------
    rows : int
        How many; there is no limit but patience.
    seed : int
        Same seed, same bytes.
    """

    def __init__(self, rows: int, seed: int) -> None:
        if rows < 1:
            raise InvalidInputError(f"needs at least 1 row, not {rows}")
        if not 0 <= seed < 1 << 64:
            raise InvalidInputError(f"seed must be 0 to 2^64 - 1, not {seed}")
        self.rows = rows
        self.seed = seed

    @abstractmethod
    def draw(self, random: np.random.Generator) -> NDArray[Any]:
        """Draw `DRAWN` rows."""

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[NDArray[Any]]:
        """Yield the vectors in order, in arrays of `rows` rows, the last one shorter."""
        return regroup(self._drawn(BASE, self.rows), rows)

    def queries(self, count: int) -> NDArray[Any]:
        """Draw queries from the same law: of its kind, but not among the vectors."""
        return np.concatenate(list(self._drawn(QUERIES, count)))

    def _drawn(self, purpose: int, count: int) -> Iterator[NDArray[Any]]:
        for start in range(0, count, DRAWN):
            block = self.draw(stream(self.seed, purpose, start // DRAWN))
            yield block[: count - start]


class _Groups:
    """Groups of points in a space of few directions, embedded among `dim` components.

    Group sizes fall off as a power of their rank, widths differ from group to group, and each
    direction counts a little less than the one before.
    """

    def __init__(
        self,
        dim: int,
        seed: int,
        *,
        directions: int,
        groups: int,
        decay: float,
        spread: float,
        widths: tuple[float, float],
    ) -> None:
        random = stream(seed, LAW)
        scale = np.arange(1, directions + 1, dtype=np.float32) ** np.float32(-decay)
        self.scale = scale / np.sqrt(np.mean(np.square(scale)))
        shape = (directions, dim)
        self.embedding = random.standard_normal(shape, np.float32) / np.float32(directions**0.5)
        centres = random.standard_normal((groups, directions), np.float32)
        self.centres = centres * self.scale * np.float32(spread)
        self.widths = random.uniform(*widths, groups).astype(np.float32)[:, None]
        weights = np.arange(1, groups + 1) ** -0.6
        self.edges = np.cumsum(weights / weights.sum())

    def draw(self, random: np.random.Generator) -> NDArray[np.float32]:
        group = np.searchsorted(self.edges[:-1], random.random(DRAWN), side="right")
        inner = random.standard_normal((DRAWN, len(self.scale)), np.float32) * self.scale
        inner *= self.widths[group]
        inner += self.centres[group]
        return embed(inner, self.embedding)


class SiftLike(Generated):
    """See `sift_like`."""

    def __init__(self, rows: int, dim: int, seed: int, dtype: Literal["u8", "f32"]) -> None:
        super().__init__(rows, seed)
        if dtype not in ("u8", "f32"):
            raise InvalidInputError(f"dtype must be 'u8' or 'f32', not {dtype!r}")
        self.name = f"sift_like({rows:,}, {_checked(dim)}, seed={seed}, dtype={dtype!r})"
        self.dim = dim
        self.dtype = np.dtype(np.uint8 if dtype == "u8" else np.float32)
        self._groups = _Groups(
            dim, seed, directions=32, groups=500, decay=0.4, spread=0.9, widths=(0.45, 1.0)
        )

    def draw(self, random: np.random.Generator) -> NDArray[Any]:
        """Draw histograms: no component below 0, many of them 0, none above 255."""
        x = self._groups.draw(random)
        np.maximum(x - np.float32(0.2), 0, out=x)
        x *= np.float32(40)
        x += np.float32(10) * random.standard_normal(x.shape, np.float32)
        return np.rint(np.clip(x, 0, 255, out=x), out=x).astype(self.dtype)


class EmbeddingLike(Generated):
    """See `embedding_like`."""

    def __init__(self, rows: int, dim: int, seed: int) -> None:
        super().__init__(rows, seed)
        self.name = f"embedding_like({rows:,}, {_checked(dim)}, seed={seed})"
        self.dim = dim
        self.dtype = np.dtype(np.float32)
        self._groups = _Groups(
            dim, seed, directions=64, groups=1500, decay=0.5, spread=0.8, widths=(0.6, 1.1)
        )

    def draw(self, random: np.random.Generator) -> NDArray[Any]:
        """Draw unit vectors from a curved surface, as the last layer of a network leaves them."""
        x = np.tanh(self._groups.draw(random))
        x += np.float32(0.1) * random.standard_normal(x.shape, np.float32)
        lengths = np.sqrt(np.einsum("ij,ij->i", x, x))
        x /= lengths[:, None]
        return x


class BinaryLike(Generated):
    """See `binary_like`."""

    def __init__(self, rows: int, dim: int, seed: int) -> None:
        super().__init__(rows, seed)
        if dim % 8:
            raise InvalidInputError(f"dim must be a multiple of 8 bits, not {dim}")
        self.name = f"binary_like({rows:,}, {_checked(dim)}, seed={seed})"
        self.dim = dim // 8
        self.dtype = np.dtype(np.uint8)
        self._groups = _Groups(
            dim, seed, directions=64, groups=1500, decay=0.5, spread=0.8, widths=(0.6, 1.1)
        )

    def draw(self, random: np.random.Generator) -> NDArray[Any]:
        """Draw signs of embeddings, packed eight to a byte."""
        return np.packbits(self._groups.draw(random) > 0, axis=1)


def sift_like(
    n: int, dim: int = 128, *, seed: int = 0, dtype: Literal["u8", "f32"] = "u8"
) -> SiftLike:
    """Make vectors like SIFT descriptors, to be compared by Euclidean distance.

    Parameters
    ----------
    n : int
        How many vectors.
    dim : int, default 128
        Their components, whole numbers from 0 to 255.
    seed : int, default 0
        Same seed, same bytes, in blocks of any size; a longer table begins with the shorter one.
    dtype : {"u8", "f32"}, default "u8"
        The type of the components. Their values are the same.

    Returns
    -------
    VectorSource
        Array-like: ``np.asarray(sift_like(1_000_000))`` has all, `blocks` walks them, `queries`
        draws queries of the same law.

    Examples
    --------
    >>> vectors = sift_like(10_000, seed=7)
    >>> vectors.shape, vectors.queries(100).shape
    ((10000, 128), (100, 128))
    """
    return SiftLike(n, dim, seed, dtype)


def embedding_like(n: int, dim: int = 384, *, seed: int = 0) -> EmbeddingLike:
    """Make unit vectors like a language model's sentence embeddings, to be compared by cosine.

    Parameters
    ----------
    n : int
        How many vectors.
    dim : int, default 384
        Their components, float32.
    seed : int, default 0
        As in `sift_like`.

    Returns
    -------
    VectorSource
        As in `sift_like`.
    """
    return EmbeddingLike(n, dim, seed)


def binary_like(n: int, dim: int = 256, *, seed: int = 0) -> BinaryLike:
    """Make binary codes, packed, to be compared by Hamming distance.

    Parameters
    ----------
    n : int
        How many vectors.
    dim : int, default 256
        Their bits, a multiple of 8; each row has ``dim / 8`` bytes in the order of `np.packbits`.
    seed : int, default 0
        As in `sift_like`.

    Returns
    -------
    VectorSource
        As in `sift_like`.
    """
    return BinaryLike(n, dim, seed)


def _checked(dim: int) -> int:
    if not 1 <= dim <= 65_536:
        raise InvalidInputError(f"dim must be 1 to 65,536, not {dim}")
    return dim
