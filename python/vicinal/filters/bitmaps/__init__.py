"""Bitmaps of slots for declared fields: what a filter selects, without asking SQL.

Derived from the records, kept in memory, and maintained as they change.
"""

from vicinal.filters.bitmaps.index import PayloadIndex
from vicinal.filters.bitmaps.selection import Selection

__all__ = ["PayloadIndex", "Selection"]
