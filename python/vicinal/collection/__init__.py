"""Collections: the records joined with the search over them."""

from vicinal.collection.answers import Page, Record
from vicinal.collection.collection import Collection

__all__ = ["Collection", "Page", "Record"]
