"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

IndexFile = Annotated[Path, typer.Argument(metavar="INDEX", help="A file that `build` wrote.")]
QueryFile = Annotated[
    Path, typer.Argument(metavar="QUERIES", help="Vectors to find the neighbours of.")
]
Neighbours = Annotated[
    int, typer.Option("-k", min=1, metavar="N", help="How many neighbours of each query.")
]
EfSearch = Annotated[
    int,
    typer.Option(min=1, metavar="N", help="Candidates kept during the walk: recall against time."),
]
Exact = Annotated[
    bool, typer.Option("--exact", help="Compare with every vector: the true neighbours.")
]
Threads = Annotated[
    int, typer.Option(min=0, metavar="N", help="Threads to use; 0 means all cores.")
]
QueryColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The array (.npz), dataset (.hdf5) or column (.parquet, .arrow) that holds the "
        "queries; by default test, queries, or the only one.",
    ),
]
Mmap = Annotated[
    bool,
    typer.Option("--mmap", help="Map the index instead of reading it: it opens at once."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the output if it exists.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
PlotFile = Annotated[
    Path | None,
    typer.Option(
        "--plot", metavar="FILE", help="Draw it, too: a .png, .svg or .html (a page by plotly)."
    ),
]
Theme = Annotated[
    str, typer.Option(metavar="NAME", help="Of the plot: light or dark; a page has both.")
]
