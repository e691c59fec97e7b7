"""Distances on the globe, by the haversine formula, in Python and in SQL.

Both add and multiply in the same order with the same functions of the C library, so they agree to
the bit on whether a point is within a radius.
"""

from __future__ import annotations

import math

#: The Earth's mean radius in kilometres (IUGG).
EARTH_KM = 6371.0088

RADIANS = math.pi / 180
HALF_RADIANS = math.pi / 360


def bound(km: float) -> float:
    """Return the haversine of a radius of ``km``, to compare that of a point with."""
    angle = km / (2 * EARTH_KM)
    # No point is farther than the antipode, whatever rounding makes of its haversine.
    return math.sin(angle) ** 2 if angle < math.pi / 2 else 2.0


def haversine(lat: float, lon: float, lat_0: float, lon_0: float) -> float:
    """Return the haversine of the angle between two points, all in degrees."""
    across = math.sin((lat - lat_0) * HALF_RADIANS)
    along = math.sin((lon - lon_0) * HALF_RADIANS)
    return across * across + math.cos(lat_0 * RADIANS) * math.cos(lat * RADIANS) * along * along


def sql_within(
    lat: str, lon: str, lat_0: float, lon_0: float, km: float
) -> tuple[str, list[float]]:
    """Return SQL for whether the point of the expressions ``lat`` and ``lon`` is within ``km``."""
    across = f"sin(({lat} - ?) * ?)"
    along = f"sin(({lon} - ?) * ?)"
    text = f"{across} * {across} + ? * cos({lat} * ?) * {along} * {along} <= ?"
    of_lat, of_lon = [lat_0, HALF_RADIANS], [lon_0, HALF_RADIANS]
    scale = [math.cos(lat_0 * RADIANS), RADIANS]
    return text, [*of_lat, *of_lat, *scale, *of_lon, *of_lon, bound(km)]
