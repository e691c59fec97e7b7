"""``vicinal map``: the index as a city, in a page of HTML."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vicinal.cli.files import check_output
from vicinal.cli.labels import read_labels
from vicinal.cli.options import Force, IndexFile, Json, Mmap, Neighbours, QueryColumn
from vicinal.cli.outcome import print_json
from vicinal.cli.progress import waiting
from vicinal.errors import InvalidInputError

EXAMPLES = """\b
Examples:
  vicinal map vectors.vicinal -o city.html
  vicinal map vectors.vicinal -o city.html --labels shops.jsonl --color kind
  vicinal map vectors.vicinal queries.npy -o city.html -k 10 --ef-search 20 --first 5
"""


def map_(
    index: IndexFile,
    queries: Annotated[
        Path | None,
        typer.Argument(metavar="QUERIES", help="Vectors whose ways are drawn."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PAGE", help="The page to write.")
    ] = Path("map.html"),
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What the vectors are, shown on hover: .jsonl, .csv or .parquet with a row each, "
            "or .npy with a value each.",
        ),
    ] = None,
    id_field: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD",
            help="The field of the labels that has the vector's id; without, they are in the "
            "order of the index.",
        ),
    ] = None,
    color: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD", help="The field to colour by; of a .npy file it is called label."
        ),
    ] = None,
    k: Neighbours = 10,
    ef_search: Annotated[
        int, typer.Option(min=1, metavar="N", help="Candidates kept during a walk.")
    ] = 64,
    first: Annotated[
        int, typer.Option(min=1, max=100, metavar="N", help="Draw so many of the queries.")
    ] = 10,
    most: Annotated[
        int, typer.Option(min=1, metavar="N", help="The most vectors to show.")
    ] = 100_000,
    layout: Annotated[
        str, typer.Option(metavar="NAME", help="How to place them: auto, pca or umap.")
    ] = "auto",
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Draws samples.")] = 0,
    column: QueryColumn = None,
    mmap: Mmap = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Draw an index as a city: points, streets, highways, and the ways of queries.

    One page of HTML that needs no network. What was missed is marked in red, with the reason.
    """
    from vicinal import Index
    from vicinal.datasets import open_vectors

    check_output(output, force)
    known: dict[str, Any] = {}
    if labels is not None:
        known = read_labels(labels, id_field, color)
    elif color is not None or id_field is not None:
        raise InvalidInputError("--color and --id-field are about fields of --labels; give a file")
    opened = Index.open(index, mmap=mmap)
    asked = None
    if queries is not None:
        asked = open_vectors(queries, column, role="queries").array()[:first]
    with waiting("drawing"):
        drawn = opened.map(
            output,
            asked,
            k=k,
            ef_search=ef_search,
            most=most,
            layout=layout,
            seed=seed,
            title=f"A map of {index.name}",
            **known,
        )
    facts = {
        "command": "map",
        "index": str(index),
        "page": str(output),
        "vectors": drawn.count,
        "shown": drawn.shown,
        "layout": drawn.layout,
        "queries": 0 if asked is None else len(asked),
    }
    if json:
        print_json(facts)
    else:
        print(f"{output}: {drawn.shown:,} of {drawn.count:,} vectors, placed by {drawn.layout}")
