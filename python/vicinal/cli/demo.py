"""``vicinal demo``: the coffee city."""

from pathlib import Path
from typing import Annotated

import typer

from vicinal.cli.options import Json, Threads
from vicinal.cli.outcome import print_json
from vicinal.cli.progress import bar

EXAMPLES = """\b
Examples:
  vicinal demo
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
    json: Json = False,
) -> None:
    """Find a coffee shop among a million: by visiting all of them, and by asking the way.

    A generated city, each shop described by 32 tastes. Exact search and HNSW answer the same wish
    side by side; then both are timed while the city grows, the one linear, the other logarithmic.
    The folder gets a plot (.png, .html), the figures (.json), and vectors to try the other commands
    on; files there from an earlier demo are replaced.
    """
    from vicinal.demo import run

    figures = run(shops, ask, seed=seed, output=output, threads=threads, quiet=json, bar=bar)
    if json:
        print_json({"command": "demo", **figures})
