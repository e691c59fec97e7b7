"""Exact search without an index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vicinal import checks
from vicinal._native import knn as native_knn
from vicinal.arrays import MAX_DIM, STORED, query_rows, stored_rows, to_array
from vicinal.errors import InvalidInputError
from vicinal.result import SearchResult

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

#: Stored dtype for rows of a numpy dtype; anything else is compared as f32.
INFERRED = {"float16": "f16", "bfloat16": "bf16", "int8": "i8", "uint8": "u8"}


def knn(
    X: ArrayLike,
    Q: ArrayLike,
    k: int = 10,
    *,
    metric: str = "l2",
    dtype: str | None = None,
    threads: int = 0,
) -> SearchResult:
    """Find the k rows of X nearest to each row of Q, exactly, without an index.

    Parameters
    ----------
    X : array-like, shape (n, dim)
        The rows to search among. Bits are bools (n, dim) or packed uint8 (n, ceil(dim / 8)).
    Q : array-like, shape (m, dim) or (dim,)
        The queries.
    k : int
        How many neighbours, 1 to 100,000,000; when X has fewer rows, all of them.
    metric : {"l2", "sqeuclidean", "cosine", "ip", "hamming", "jaccard"}
        See `Index`. With packed bits, hamming and jaccard count all 8 bits of each byte.
    dtype : {"f32", "f16", "bf16", "i8", "u8", "bits"}, optional
        What X is compared as; by default its own dtype where that is one of these, "bits" for
        hamming and jaccard, and "f32" otherwise.
    threads : int
        0 means all cores.

    Returns
    -------
    SearchResult
        Its ids are row numbers of X.

    Raises
    ------
    InvalidInputError
        NaN or infinity, a zero vector under cosine, shapes that do not fit; names the row.
    InvalidTypeError
        Strings, objects, complex numbers.

    Examples
    --------
    >>> import numpy as np, vicinal
    >>> X = np.eye(4, dtype=np.float32)
    >>> vicinal.knn(X, X[2], k=1).ids
    array([2])
    """
    rows = to_array(X, "X")
    metric = checks.text("metric", metric)
    k = checks.integer("k", k, 1, checks.MAX_K)
    if dtype is None:
        on_bits = metric in ("hamming", "jaccard")
        dtype = "bits" if on_bits else INFERRED.get(rows.dtype.name, "f32")
    dtype = checks.choice("dtype", dtype, STORED)
    if rows.ndim != 2:
        raise InvalidInputError(f"X must have the shape (n, dim), not {rows.shape}")
    width = rows.shape[1] * (8 if dtype == "bits" and rows.dtype.kind != "b" else 1)
    dim = checks.integer("the number of components of X", width, 1, MAX_DIM)
    stored, queries = stored_rows(rows, dim, dtype), query_rows(Q, dim, dtype)
    answer = native_knn(stored, queries, dim, metric, dtype, k, checks.threads(threads))
    return SearchResult(answer, metric)
