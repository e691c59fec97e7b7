"""Slots by places on the globe, in the order of latitude."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from vicinal.filters import geo
from vicinal.filters.bitmaps.column import Column
from vicinal.filters.bitmaps.tree import bitmap_of

if TYPE_CHECKING:
    from pyroaring import BitMap

    from vicinal.filters.conditions import Near

#: Degrees by which a latitude beyond the radius may round into it; more near the antipode, where
#: the haversine is flat, so that far circles are not cut.
SLACK = 1e-6
FAR_DEGREES = 90.0

#: How far numpy's haversine may lie from the C library's, relative to one.
ROUNDING = 1e-12


class Places:
    """Points and their slots."""

    def __init__(self) -> None:
        self._column = Column(np.float64, np.float64, single=True)

    def add(self, points: list[tuple[float, float]], slots: list[int]) -> None:
        """Add points, each latitude and longitude."""
        self._column.add([lat for lat, _ in points], slots, [lon for _, lon in points])

    def discard(self, slots: BitMap) -> None:
        """Take ``slots`` away."""
        self._column.discard(slots)

    def near(self, circle: Near) -> BitMap:
        """Return the slots of points in a circle."""
        degrees = circle.km / geo.EARTH_KM / geo.RADIANS + SLACK
        far = degrees > FAR_DEGREES
        low, high = (None, None) if far else (circle.lat - degrees, circle.lat + degrees)
        lat, slots, lon = self._column.rows(low, high)
        across = np.sin((lat - circle.lat) * geo.HALF_RADIANS)
        along = np.sin((lon - circle.lon) * geo.HALF_RADIANS)
        scale = math.cos(circle.lat * geo.RADIANS)
        found = across**2 + scale * np.cos(lat * geo.RADIANS) * along**2
        bound = geo.bound(circle.km)
        inside = found <= bound
        # What lies on the edge is measured as the records are.
        for edge in np.flatnonzero(np.abs(found - bound) <= ROUNDING).tolist():
            inside[edge] = (
                geo.haversine(float(lat[edge]), float(lon[edge]), circle.lat, circle.lon) <= bound
            )
        return bitmap_of(slots[inside])
