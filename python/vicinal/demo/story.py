"""The story: a wish, a walk, the way asked, and what both cost while the city grows."""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.datasets import coffee_city
from vicinal.datasets.coffee import TASTES
from vicinal.demo import draw
from vicinal.demo.tell import Teller
from vicinal.demo.walk import EF_CONSTRUCTION, EF_SEARCH, QUESTIONS, K, M, Stage, ask, grow, stage
from vicinal.demo.wish import complete, parse
from vicinal.errors import FileMissingError, InvalidInputError, MissingExtraError, StorageError
from vicinal.exact import knn

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vicinal.datasets import CoffeeCity
    from vicinal.index import Index

    Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]

SMALLEST, LARGEST = 2_000, 10_000_000
# The first shops, known to everybody: they fill in what a wish leaves open.
KNOWN = 50_000
# Vectors and wishes left behind to try the commands on.
LEFT_SHOPS, LEFT_WISHES = 20_000, 200


def no_bar(_what: str, _total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Show nothing."""
    return nullcontext(lambda _done: None)


def run(
    shops: int = 1_000_000,
    wish: str = "medium roast, cosy seating, quiet music",
    *,
    seed: int = 0,
    output: Path = Path("demo-output"),
    threads: int = 0,
    quiet: bool = False,
    bar: Bar = no_bar,
) -> dict[str, Any]:
    """Tell the story, and leave its figures in a folder.

    Parameters
    ----------
    shops : int, default 1_000_000
        Size of the city.
    wish : str
        What to ask for; see `vicinal.demo.wish.parse`.
    seed : int, default 0
        Of the city.
    output : Path
        Gets growth.png, growth.html, map.html, figures.json, shops.npy and wishes.npy.
    threads : int, default 0
        Threads that build; questions are timed on one.
    quiet : bool, default False
        Don't tell it, only measure.
    bar : callable, optional
        Makes a progress bar of (what, total); see `vicinal.cli.progress.bar`.

    Returns
    -------
    dict
        All figures, as in figures.json.

    Raises
    ------
    InvalidInputError
        If the wish names no taste, or the city is too small or too large.
    StorageError
        If the folder can't be written to.
    """
    began = time.perf_counter()
    if not SMALLEST <= shops <= LARGEST:
        raise InvalidInputError(f"a city has {SMALLEST:,} to {LARGEST:,} shops, not {shops:,}")
    understood = parse(wish)
    _make(output)
    tell = Teller(quiet)
    city = coffee_city(shops, seed)

    with bar("opening shops", shops) as show:
        streets = _open(city, show)
    query, kind = complete(understood, city, streets[:KNOWN])
    tell.wish(shops, understood, kind)
    walk_times = []
    for _ in range(5):
        walking = time.perf_counter()
        knn(streets, query, K, dtype="u8", threads=1)
        walk_times.append(time.perf_counter() - walking)
    tell.walk(shops, statistics.median(walk_times))

    with bar("putting up signposts", shops) as show:
        index, grown = grow(streets, city.queries(QUESTIONS), seed, threads, show)
    stages = [stage(point) for point in grown.points]
    walk, way = (_answer(city, index, query, exact=exact) for exact in (True, False))
    tell.ask(stages[-1], walk, way, list(understood.said))

    figures: dict[str, Any] = {
        "shops": shops,
        "seed": seed,
        "wish": {
            "text": wish,
            "said": understood.said,
            "unknown": list(understood.unknown),
            "completed_as": kind,
            "tastes": dict(zip(TASTES, query.tolist(), strict=True)),
        },
        "walk": walk,
        "ask": way,
        "questions": QUESTIONS,
        "k": K,
        "index": {"M": M, "ef_construction": EF_CONSTRUCTION, "ef_search": EF_SEARCH},
        "growth": [asdict(measured) for measured in stages],
        "law": law(stages),
    }
    tell.growth(stages, QUESTIONS, K, draw.law(figures))
    figures["files"] = _leave(tell, output, city, streets, index, figures)
    figures["commands"] = _commands(output)
    figures["seconds"] = round(time.perf_counter() - began, 1)
    tell.end(figures)
    return figures


def law(stages: list[Stage]) -> dict[str, float]:
    """Fit how both ways grow when the city doubles, by least squares over the sizes measured.

    Returns
    -------
    dict
        ``walk_factor``: the walk takes so many times as long; over sizes from 10,000, if there are
        two: below, the call itself counts.
        ``ask_visits``: asking visits so many shops more.
    """
    doublings = np.log2([stage.shops for stage in stages])
    asked = np.polyfit(doublings, [stage.ask_visits for stage in stages], 1)
    large = [stage for stage in stages if stage.shops >= 10_000]
    if len(large) < 2:
        large = stages
    times = np.log2([stage.walk_seconds for stage in large])
    walk = np.polyfit(np.log2([stage.shops for stage in large]), times, 1)
    return {
        "walk_factor": round(float(2 ** walk[0]), 2),
        "ask_visits": round(float(asked[0]), 1),
    }


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        kind = FileMissingError if isinstance(error, FileNotFoundError) else StorageError
        message = f"{folder}: can't be made: {error.strerror}"
        raise kind(message, error.errno, str(folder)) from error


def _open(city: CoffeeCity, show: Callable[[int], None]) -> NDArray[np.uint8]:
    streets = np.empty(city.shape, np.uint8)
    done = 0
    for block in city.blocks():
        streets[done : done + len(block)] = block
        done += len(block)
        show(done)
    return streets


def _answer(
    city: CoffeeCity, index: Index, query: NDArray[np.uint8], *, exact: bool
) -> dict[str, Any]:
    """Ask for the wish one way, and describe the shops it leads to."""
    times = []
    for _ in range(15):
        began = time.perf_counter()
        found = ask(index, query, exact=exact)
        times.append(time.perf_counter() - began)
    plan = "scan" if exact else "graph"
    counted = index.search(query, K, ef_search=EF_SEARCH, plan=plan, counters=True).counters
    assert counted is not None
    return {
        "seconds": statistics.median(times),
        "visits": int(counted.distance_evaluations),
        "shops": [
            {"distance": round(float(distance), 3), **asdict(city.shop(int(number)))}
            for number, distance in zip(found.ids, found.distances, strict=True)
        ],
    }


def _leave(
    tell: Teller,
    folder: Path,
    city: CoffeeCity,
    streets: NDArray[np.uint8],
    index: Index,
    figures: dict[str, Any],
) -> list[str]:
    """Write the plots, the figures, and vectors to try the commands on."""
    files = [folder / "figures.json", folder / "shops.npy", folder / "wishes.npy"]
    try:
        text = json.dumps(figures, indent=2, ensure_ascii=False)
        files[0].write_text(text + "\n", encoding="utf-8")
        np.save(files[1], streets[:LEFT_SHOPS])
        np.save(files[2], city.queries(LEFT_WISHES))
        try:
            files.append(folder / "growth.png")
            draw.plot(figures).save(files[-1])
            files.append(folder / "growth.html")
            draw.write_page(figures, files[-1])
            files.append(folder / "map.html")
            wish = figures["wish"]
            query = np.array(list(wish["tastes"].values()), np.uint8)
            draw.write_map(index, city, query, wish["text"], files[-1])
        except MissingExtraError as error:
            files.pop()
            tell.chapter(f"No plot: {error}")
    except OSError as error:
        message = f"{folder}: can't be written to: {error.strerror or error}"
        raise StorageError(message, error.errno, str(folder)) from error
    return [str(file) for file in files]


def _commands(folder: Path) -> list[str]:
    """Make the commands that do the same to vectors of one's own."""
    # Run as .venv/bin/vicinal, the bare name may be nowhere on PATH.
    program = "vicinal" if shutil.which("vicinal") else sys.argv[0]
    if program.endswith("__main__.py"):
        program = "python -m vicinal"
    index = folder / "shops.vicinal"
    return [
        f"{program} build {folder / 'shops.npy'} -o {index}",
        f"{program} search {index} {folder / 'wishes.npy'} -k 5",
        f"{program} recall {index} {folder / 'wishes.npy'}",
    ]
