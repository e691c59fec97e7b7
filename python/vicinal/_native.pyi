"""The engine behind `vicinal`; see `Index` and `knn` there, which check and convert."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypedDict, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "IdSet",
    "Index",
    "__version__",
    "available_isas",
    "isa",
    "json_texts",
    "knn",
    "record_sums",
    "vector_sums",
]

__version__: str

# (ids, distances, counts, counters): matrices for a batch, rows and an int for one query.
_Answer: TypeAlias = tuple[
    NDArray[np.int64], NDArray[np.float32], NDArray[np.int64] | int, tuple[Any, ...] | None
]

# certified, epsilon, bounded, measured, rows: an entry for each query.
_Proven: TypeAlias = tuple[
    NDArray[np.bool_],
    NDArray[np.float64],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
]

class _Stats(TypedDict):
    nodes_per_layer: NDArray[np.int64]
    degree_histogram: list[NDArray[np.int64]]
    bytes: dict[str, int]
    live: int
    dead: int
    free: int
    loose_parts: int
    entry_point: int | None

class _Report(TypedDict):
    reachable: int
    unreachable: NDArray[np.int64]
    links: int
    one_way_links: int
    unreturned_links: int
    dangling_links: int
    duplicates: int
    broken: list[str]
    mended: list[str]

class _Route(TypedDict):
    layers: NDArray[np.uint8]
    ids: NDArray[np.int64]
    distances: NDArray[np.float32]
    bounds: NDArray[np.float32]
    seen_ends: NDArray[np.uint64]
    seen_ids: NDArray[np.int64]
    seen_distances: NDArray[np.float32]
    end: str
    reranked_ids: NDArray[np.int64]
    reranked_before: NDArray[np.float32]
    reranked_after: NDArray[np.float32]
    reranked_places: NDArray[np.uint32]

class _Explanation(TypedDict):
    answer: _Answer
    expected: tuple[int, int, int | None]
    route: _Route | None

class _Shape(TypedDict):
    ids: NDArray[np.int64]
    levels: NDArray[np.uint8]
    nodes: NDArray[np.uint32]
    layers: list[tuple[NDArray[np.uint32], NDArray[np.uint64], NDArray[np.uint32]]]

@final
class IdSet:
    @staticmethod
    def of_ids(ids: NDArray[np.int64], /) -> IdSet: ...
    @staticmethod
    def of_mask(bits: NDArray[np.uint8], length: int, /) -> IdSet: ...
    @staticmethod
    def of_bytes(data: bytes, /) -> IdSet: ...
    def complement(self) -> IdSet: ...
    def intersection(self, other: IdSet, /) -> IdSet: ...
    def union(self, other: IdSet, /) -> IdSet: ...
    @property
    def denies(self) -> bool: ...
    def listed_len(self) -> int: ...
    def listed(self) -> NDArray[np.int64]: ...
    def contains(self, number: int, /) -> bool: ...
    def serialize(self) -> bytes: ...

@final
class Index:
    def __new__(
        cls,
        dim: int,
        metric: str,
        dtype: str,
        m: int,
        ef_construction: int,
        seed: int,
        level_p: float | None,
        layout: str,
        store: str | None,
        /,
    ) -> Index: ...
    @staticmethod
    def open(path: str, mmap: bool, /) -> Index: ...
    @staticmethod
    def salvage(path: str, threads: int, /) -> tuple[Index, list[str]]: ...
    def save(self, path: str, /) -> None: ...
    @property
    def dim(self) -> int: ...
    @property
    def metric(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def m(self) -> int: ...
    @property
    def ef_construction(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def level_p(self) -> float: ...
    @property
    def layout(self) -> str: ...
    @property
    def store(self) -> str: ...
    def __len__(self) -> int: ...
    def contains(self, number: int, /) -> bool: ...
    def ids(self) -> NDArray[np.int64]: ...
    def get(self, ids: NDArray[np.int64], /) -> NDArray[np.uint8]: ...
    def add(
        self,
        rows: NDArray[Any],
        ids: NDArray[np.int64] | None,
        threads: int,
        progress: Callable[[int, int], object] | None,
        /,
    ) -> NDArray[np.int64]: ...
    def upsert(
        self,
        rows: NDArray[Any],
        ids: NDArray[np.int64],
        threads: int,
        progress: Callable[[int, int], object] | None,
        /,
    ) -> None: ...
    def remove(self, ids: NDArray[np.int64], ignore_missing: bool, threads: int, /) -> int: ...
    def clear(self) -> None: ...
    def compact(
        self, threads: int, progress: Callable[[int, int], object] | None, /
    ) -> tuple[int, int, int]: ...
    def search(
        self,
        query: Any,
        k: int,
        ef_search: int,
        plan: str,
        counters: bool,
        threads: int,
        filter: IdSet | None,
        missing: str,
        /,
    ) -> _Answer | None: ...
    def search_guaranteed(
        self,
        query: Any,
        k: int,
        ef_search: int,
        plan: str,
        counters: bool,
        threads: int,
        filter: IdSet | None,
        missing: str,
        epsilon: float,
        rows: int | None,
        share: float | None,
        /,
    ) -> tuple[_Answer, _Proven] | None: ...
    def guarantees_due(self) -> bool: ...
    def sample(self, rows: int, /) -> NDArray[np.float32]: ...
    def prepare_guarantees(
        self,
        centre: NDArray[np.float32],
        axes: NDArray[np.float32],
        wait: bool,
        threads: int,
        /,
    ) -> None: ...
    def explain(
        self,
        query: NDArray[Any],
        k: int,
        ef_search: int,
        plan: str,
        filter: IdSet | None,
        missing: str,
        /,
    ) -> _Explanation: ...
    def shape(self) -> _Shape: ...
    def search_radius(
        self,
        query: NDArray[Any],
        radius: float,
        limit: int | None,
        threads: int,
        filter: IdSet | None,
        missing: str,
        /,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]: ...
    def distances(self, query: NDArray[Any], ids: NDArray[np.int64], /) -> NDArray[np.float32]: ...
    def neighbors_of(self, number: int, layer: int, /) -> NDArray[np.int64]: ...
    def stats(self) -> _Stats: ...
    def verify(self, repair: bool, /) -> _Report: ...

def knn(
    rows: NDArray[Any],
    query: NDArray[Any],
    dim: int,
    metric: str,
    dtype: str,
    k: int,
    threads: int,
    /,
) -> _Answer: ...
def json_texts(payloads: list[Any], depth: int, /) -> list[str | None]: ...
def record_sums(
    slots: NDArray[np.int64],
    ids: list[str | int | bytes],
    payloads: list[str | None],
    /,
) -> NDArray[np.uint32]: ...
def vector_sums(slots: NDArray[np.int64], rows: NDArray[np.uint8], /) -> NDArray[np.uint32]: ...
def isa() -> str: ...
def available_isas() -> list[str]: ...
