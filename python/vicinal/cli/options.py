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
# Of what walks whatever a scan would cost, or is told of a walk.
WalkEf = Annotated[int, typer.Option(min=1, metavar="N", help="Candidates kept during the walk.")]
Row = Annotated[int, typer.Option(min=0, metavar="N", help="Which of the queries, from 0.")]
FilterIds = Annotated[
    Path | None,
    typer.Option(
        "--filter-ids",
        metavar="FILE",
        help="Find only these: .npy of ids or of bools (mask[id]), .txt with an id a line, or "
        "a serialized roaring bitmap.",
    ),
]
Guarantee = Annotated[
    str | None,
    typer.Option(
        metavar="exact|E",
        help="Prove each answer: exact, or within 1 + E of the true distances.",
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        metavar="N|SHARE",
        help="Vectors that a proof may measure, like 1000 or 0.01; beyond, none is given.",
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="What the vectors are: .jsonl, .csv or .parquet with a row each, or .npy with a value "
        "each.",
    ),
]
IdField = Annotated[
    str | None,
    typer.Option(
        metavar="FIELD",
        help="The field of the labels that has the vector's id; without, they are in the order of "
        "the index.",
    ),
]
# Of maps, of an index or of a collection.
WayQueries = Annotated[
    Path | None, typer.Argument(metavar="QUERIES", help="Vectors whose ways are drawn.")
]
Page = Annotated[Path, typer.Option("--output", "-o", metavar="PAGE", help="The page to write.")]
First = Annotated[
    int, typer.Option(min=1, max=100, metavar="N", help="Draw so many of the queries.")
]
MostShown = Annotated[int, typer.Option(min=1, metavar="N", help="The most vectors to show.")]
Placing = Annotated[str, typer.Option(metavar="NAME", help="How to place them: auto, pca or umap.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Draws samples.")]
