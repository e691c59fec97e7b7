"""The coffee city: what exact search and HNSW cost, told with shops instead of vectors."""

from vicinal.demo.story import run

__all__ = ["run"]
