"""Moments in time: strings of ISO 8601 that name one, in Python and in SQL.

A string is a moment if it reads ``YYYY-MM-DDTHH:MM:SS``, then a fraction of up to nine digits or
none, then ``Z`` or ``+HH:MM`` or ``-HH:MM``; a space may stand for the T. Without its zone it
names no moment, and is text like any other. Digits beyond the microsecond are cut off.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
SHAPE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:\.([0-9]{1,9}))?(?:Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)


def microseconds(text: str) -> int | None:
    """Microseconds from 1970 in UTC to the moment that ``text`` names, None if it names none.

    In whole numbers, since a moment's offset may take it out of the years that datetime has.
    """
    match = SHAPE.fullmatch(text)
    if match is None:
        return None
    fraction, sign, hours, minutes = match.group(7, 8, 9, 10)
    try:
        year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
        wall = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        return None
    offset = int(f"{sign}1") * (int(hours) * 3600 + int(minutes) * 60) if sign else 0
    return since_epoch(wall) - offset * 1_000_000 + int((fraction or "").ljust(6, "0")[:6])


def since_epoch(moment: datetime) -> int:
    """Return the microseconds from 1970 in UTC to ``moment``."""
    return (moment - EPOCH) // MICROSECOND


def moment(micros: int) -> datetime:
    """Return the moment so many microseconds after 1970 in UTC."""
    return EPOCH + micros * MICROSECOND


def iso(moment: datetime) -> str:
    """``moment`` in UTC, always as long, so that texts order as the moments do."""
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds")


def sql_microseconds(text: str) -> str:
    """Return `microseconds` in SQL: of the expression ``text``, a string; NULL if it names none."""
    # Each level names what the next one asks for. GLOB ends at a NUL, hence the two lengths.
    two = "[0-9][0-9]"
    shape = f"{two}{two}-{two}-{two}[T ]{two}:{two}:{two}*"
    return f"""(
    SELECT CASE WHEN fraction = '' OR (
        fraction GLOB '.[0-9]*' AND length(fraction) <= 10
        AND substr(fraction, 2) NOT GLOB '*[^0-9]*'
    ) THEN (unixepoch(wall) - shift) * 1000000
        + CAST(substr(substr(fraction, 2) || '000000', 1, 6) AS INTEGER) END
    FROM (
        SELECT wall, substr(rest, 1, length(rest) - length(zone)) AS fraction,
            CASE zone WHEN 'Z' THEN 0 ELSE CAST(substr(zone, 1, 1) || '1' AS INTEGER) * (
                CAST(substr(zone, 2, 2) AS INTEGER) * 3600 + CAST(substr(zone, 5) AS INTEGER) * 60
            ) END AS shift
        FROM (
            SELECT replace(substr(s, 1, 19), 'T', ' ') AS wall, substr(s, 20) AS rest,
                CASE WHEN s GLOB '*Z' THEN 'Z'
                    WHEN s GLOB '*[+-][01][0-9]:[0-5][0-9]' OR s GLOB '*[+-]2[0-3]:[0-5][0-9]'
                    THEN substr(s, -6) END AS zone
            FROM (SELECT {text} AS s)
            WHERE s GLOB '{shape}'
                AND s >= '0001' AND octet_length(s) = length(s)
        )
        WHERE zone IS NOT NULL AND datetime(wall) = wall
    )
)"""
