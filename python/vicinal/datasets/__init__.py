"""Vectors to build on: readers of the usual files, and seeded generators."""

from vicinal.datasets.coffee import CoffeeCity, Shop, coffee_city
from vicinal.datasets.readers import SUFFIXES, load_vectors, open_vectors
from vicinal.datasets.source import VectorSource
from vicinal.datasets.synthetic import binary_like, embedding_like, sift_like

__all__ = [
    "SUFFIXES",
    "CoffeeCity",
    "Shop",
    "VectorSource",
    "binary_like",
    "coffee_city",
    "embedding_like",
    "load_vectors",
    "open_vectors",
    "sift_like",
]
