"""The graphs of a database's collections: made, kept, and saved beside the records.

What is made can be lost at any moment, and is made again: the records are the truth.
"""

from vicinal.collection.graphs.builder import Builder
from vicinal.collection.graphs.files import sweep

__all__ = ["Builder", "sweep"]
