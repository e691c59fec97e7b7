"""How long a filter on declared fields takes to become a bitmap.

    python bench/filters_payload.py --rows 1000000

Each filter is asked of an index that has not seen its values, and then again. Every answer is
compared with what plain Python counts. Times are medians in milliseconds.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
from pyroaring import BitMap

from vicinal.filters import field as f
from vicinal.filters.bitmaps import PayloadIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from vicinal.filters import Expr

FIELDS: Any = {
    "cat": "keyword",
    "user": "keyword",
    "year": "number",
    "price": "number",
    "at": "datetime",
    "tags": "keyword",
    "sold": "bool",
    "shop": "geo",
}
START = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)

#: Shares of the records that ranges select.
SHARES = (0.0001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


def payloads(rows: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return payloads of every kind of field, in no order."""
    columns = {
        "cat": [f"cat-{i}" for i in rng.zipf(1.3, rows) % 100],
        "user": [f"user-{i:07}" for i in rng.integers(0, rows, rows)],
        "year": rng.integers(1990, 2030, rows).tolist(),
        "price": rng.uniform(0, 1, rows).tolist(),
        "at": [(START + dt.timedelta(seconds=int(s))).isoformat() for s in rng.permutation(rows)],
        "tags": [[f"tag-{i}" for i in tags] for tags in rng.integers(0, 50, (rows, 3))],
        "sold": (rng.random(rows) < 0.3).tolist(),
        "shop": [
            {"lat": lat, "lon": lon}
            for lat, lon in zip(
                rng.uniform(-90, 90, rows), rng.uniform(-180, 180, rows), strict=True
            )
        ],
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def questions(rows: int, rng: np.random.Generator) -> dict[str, Callable[[], Expr]]:
    """Return makers of filters by name, each of which makes another at every call."""

    def shifted(share: float) -> float:
        return float(rng.uniform(0, 1 - share))

    def price(share: float) -> Callable[[], Expr]:
        return lambda: f.price.between(low := shifted(share), low + share)

    def moment(share: float) -> Callable[[], Expr]:
        def ask() -> Expr:
            low = START + dt.timedelta(seconds=shifted(share) * rows)
            return f.at.between(low, low + dt.timedelta(seconds=share * rows))

        return ask

    return {
        "cat == (100 values)": lambda: f.cat == f"cat-{rng.integers(0, 100)}",
        "user == (nearly unique)": lambda: f.user == f"user-{rng.integers(0, rows):07}",
        "year == (40 values)": lambda: f.year == int(rng.integers(1990, 2030)),
        "sold == True": lambda: f.sold == True,  # noqa: E712
        "tags contains (50 values)": lambda: f.tags.contains(f"tag-{rng.integers(0, 50)}"),
        "cat in 10 values": lambda: f.cat.is_in([f"cat-{i}" for i in rng.integers(0, 100, 10)]),
        "user starts with (1 in 100)": lambda: f.user.startswith(
            f"user-0{rng.integers(0, 100):02}"
        ),
        **{f"price, {share:.2%} of records": price(share) for share in SHARES},
        **{f"datetime, {share:.2%} of records": moment(share) for share in (0.0001, 0.5)},
        "not (price > x)": lambda: ~(f.price > shifted(0)),
        "cat == and price < and sold": lambda: (
            (f.cat == f"cat-{rng.integers(0, 100)}") & (f.price < shifted(0)) & (f.sold == True)  # noqa: E712
        ),
        "within 100 km": lambda: f.shop.near(
            (shifted(0) * 180 - 90, shifted(0) * 360 - 180), km=100
        ),
    }


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return milliseconds and the answer."""
    began = time.perf_counter()
    answer = call()
    return (time.perf_counter() - began) * 1e3, answer


def main() -> None:
    """Build an index, ask it, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument(
        "--check", type=int, default=3, help="answers of each that are counted anew"
    )
    options = parser.parse_args()
    rng = np.random.default_rng(7)
    records = payloads(options.rows, rng)
    index, universe = PayloadIndex(FIELDS), BitMap(range(options.rows))
    tracemalloc.start()
    index.update(enumerate(records))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    index = PayloadIndex(FIELDS)
    built, _ = timed(lambda: index.update(enumerate(records)))
    print(f"{options.rows:,} records, {len(FIELDS)} declared fields")
    print(
        f"built in {built / 1e3:.1f} s; {held / options.rows:.0f} bytes a record, bitmaps apart\n"
    )
    print(
        "| filter | first p50 | first max | again p50 | selects |\n"
        "| --- | ---: | ---: | ---: | ---: |"
    )
    for name, make in questions(options.rows, rng).items():
        first, again, found = [], [], []
        for at in range(options.rounds):
            expr = make()
            took, selection = timed(lambda expr=expr: expr.bitmap(index, universe))
            first.append(took)
            again.append(timed(lambda expr=expr: expr.bitmap(index, universe))[0])
            found.append(len(selection.sure))
            if at < options.check:
                expected = sum(map(expr.matches, records))
                assert (len(selection.sure), selection.rest) == (expected, None), expr
        share = statistics.median(found) / options.rows
        p50, slowest, p50_again = statistics.median(first), max(first), statistics.median(again)
        print(f"| {name} | {p50:.3f} | {slowest:.3f} | {p50_again:.3f} | {share:.3%} |", flush=True)
    news = rng.permutation(options.rows)[:2_000].tolist()
    one, _ = timed(lambda: [index.update([(slot, records[slot - 1])]) for slot in news])
    many, _ = timed(lambda: index.update((slot, records[slot]) for slot in news))
    one, many = one / len(news) * 1e3, many / len(news) * 1e3
    print(f"\nan update {one:.0f} µs; {len(news):,} at once {many:.0f} µs each")


if __name__ == "__main__":
    main()
