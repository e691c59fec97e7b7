"""Collections: the records joined with the search over them."""

from vicinal.collection.answers import CollectionStats, GraphStats, Hit, Hits, Page, Record
from vicinal.collection.collection import Collection
from vicinal.collection.told import CollectionExplanation

__all__ = [
    "Collection",
    "CollectionExplanation",
    "CollectionStats",
    "GraphStats",
    "Hit",
    "Hits",
    "Page",
    "Record",
]
