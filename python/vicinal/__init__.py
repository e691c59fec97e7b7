"""Nearest neighbours among vectors.

>>> import numpy as np, vicinal
>>> X = np.random.default_rng(0).random((1_000, 64), dtype=np.float32)
>>> ix = vicinal.Index(dim=64, metric="cosine")
>>> ids = ix.add(X)
>>> r = ix.search(X[:5], k=10)       # r.ids, r.distances, r.counts: one row per query
>>> ix.save("shops.vicinal")
>>> ix = vicinal.Index.open("shops.vicinal", mmap=True)

`Index` is approximate search (HNSW), `knn` exact search without an index, `field` writes filters;
every error is a `VicinalError`.
"""

from vicinal._native import __version__, isa
from vicinal.aio import AsyncBatches, AsyncCollection, AsyncDatabase, aopen, arestore
from vicinal.collection import (
    Collection,
    CollectionExplanation,
    CollectionStats,
    GraphStats,
    Hit,
    Hits,
    Page,
    Record,
)
from vicinal.database import Database, open, restore  # noqa: A004 - `vicinal.open` is what it is called
from vicinal.errors import (
    CapacityError,
    ClosedError,
    CorruptionError,
    DuplicateIdError,
    FileMissingError,
    ForkedError,
    FormatError,
    InternalError,
    InvalidInputError,
    InvalidTypeError,
    LockedError,
    MissingExtraError,
    NotFoundError,
    OutOfMemoryError,
    PoisonedError,
    ReadOnlyError,
    StorageError,
    VicinalError,
)
from vicinal.exact import knn
from vicinal.explain import Explanation, WhyNot
from vicinal.filters import field
from vicinal.graph import Graph, GraphLayer
from vicinal.growth import GrowthPoint, GrowthReport
from vicinal.idset import IdSet
from vicinal.index import Index
from vicinal.recall import RecallEstimate, RecallReport
from vicinal.records.verify import Damage, Verdict
from vicinal.relations import JoinResult, KnnGraph, Neighbours, RadiusResult
from vicinal.report import Compacted, Report, Stats
from vicinal.result import Certificate, Counters, SearchResult
from vicinal.tune import CurvePoint, TuneReport

__all__ = [
    "AsyncBatches",
    "AsyncCollection",
    "AsyncDatabase",
    "CapacityError",
    "Certificate",
    "ClosedError",
    "Collection",
    "CollectionExplanation",
    "CollectionStats",
    "Compacted",
    "CorruptionError",
    "Counters",
    "CurvePoint",
    "Damage",
    "Database",
    "DuplicateIdError",
    "Explanation",
    "FileMissingError",
    "ForkedError",
    "FormatError",
    "Graph",
    "GraphLayer",
    "GraphStats",
    "GrowthPoint",
    "GrowthReport",
    "Hit",
    "Hits",
    "IdSet",
    "Index",
    "InternalError",
    "InvalidInputError",
    "InvalidTypeError",
    "JoinResult",
    "KnnGraph",
    "LockedError",
    "MissingExtraError",
    "Neighbours",
    "NotFoundError",
    "OutOfMemoryError",
    "Page",
    "PoisonedError",
    "RadiusResult",
    "ReadOnlyError",
    "RecallEstimate",
    "RecallReport",
    "Record",
    "Report",
    "SearchResult",
    "Stats",
    "StorageError",
    "TuneReport",
    "Verdict",
    "VicinalError",
    "WhyNot",
    "__version__",
    "aopen",
    "arestore",
    "field",
    "isa",
    "knn",
    "open",
    "restore",
]
