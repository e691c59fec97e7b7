"""``vicinal demo``: the coffee city."""

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from vicinal.cli.options import Json, Threads
from vicinal.cli.outcome import print_json
from vicinal.cli.progress import bar

EXAMPLES = """\b
Examples:
  vicinal demo
  vicinal demo --shops 50_000 --no-open
  vicinal demo --shops 10_000_000
  vicinal demo --ask "very cheap, no music, many sockets, dogs"
"""


def demo(
    shops: Annotated[
        int,
        typer.Option(
            metavar="N",
            show_default=False,
            help="Coffee shops in the city: 1,000,000 by default, 2,000 to 10,000,000.",
        ),
    ] = 1_000_000,
    ask: Annotated[
        str, typer.Option(metavar="WISH", help="What to ask for, in words.")
    ] = "medium roast, cosy seating, quiet music",
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Another seed, another city.")] = 0,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder for plots and files.")
    ] = Path("demo-output"),
    threads: Threads = 0,
    show: Annotated[
        bool | None,
        typer.Option(
            "--open/--no-open",
            show_default=False,
            help="Open the map in a browser; by default where there is a screen and a person.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Find a coffee shop among a million: by visiting all of them, and by asking the way.

    A generated city, each shop described by 32 tastes. Exact search and HNSW answer the same wish
    side by side; then both are timed while the city grows, the one linear, the other logarithmic.
    At the end the city's map opens, with the way that was asked. The folder gets the map, a plot
    (.png, .html), the figures (.json), and vectors to try the other commands on; files there from
    an earlier demo are replaced.
    """
    from vicinal.demo import run

    figures = run(shops, ask, seed=seed, output=output, threads=threads, quiet=json, bar=bar)
    if json:
        print_json({"command": "demo", **figures})
    page = output / "map.html"
    if str(page) in figures["files"] and (somebody_looks() if show is None else show):
        webbrowser.open(page.resolve().as_uri())


def somebody_looks() -> bool:
    """Whether a page that opens now would be seen."""
    screen = sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
    return bool(screen) and "CI" not in os.environ and terminal()


def terminal() -> bool:
    """Whether a person reads what is told."""
    return sys.stdout.isatty()
