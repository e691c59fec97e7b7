"""The map of an index: one HTML file with its layers, its streets and the ways of queries."""

from vicinal.map.draw import CityMap, draw

__all__ = ["CityMap", "draw"]
