"""Collections: the records joined with the search over them."""

from vicinal.collection.answers import CollectionStats, GraphStats, Hit, Hits, Page, Record
from vicinal.collection.collection import Collection

__all__ = ["Collection", "CollectionStats", "GraphStats", "Hit", "Hits", "Page", "Record"]
