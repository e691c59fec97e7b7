"""``vicinal map``: the index as a city, in a page of HTML."""

from pathlib import Path
from typing import Annotated

import typer

from vicinal.cli.asked import all_of
from vicinal.cli.files import check_output
from vicinal.cli.labels import read_labels
from vicinal.cli.options import (
    First,
    Force,
    IdField,
    IndexFile,
    Json,
    Labels,
    Mmap,
    MostShown,
    Neighbours,
    Page,
    Placing,
    QueryColumn,
    Seed,
    WalkEf,
    WayQueries,
)
from vicinal.cli.outcome import print_json
from vicinal.cli.progress import waiting

EXAMPLES = """\b
Examples:
  vicinal map vectors.vicinal -o city.html
  vicinal map vectors.vicinal -o city.html --labels shops.jsonl --color kind
  vicinal map vectors.vicinal queries.npy -o city.html -k 10 --ef-search 20 --first 5
"""


def map_(
    index: IndexFile,
    queries: WayQueries = None,
    output: Page = Path("map.html"),
    labels: Labels = None,
    id_field: IdField = None,
    color: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD", help="The field to colour by; of a .npy file it is called label."
        ),
    ] = None,
    k: Neighbours = 10,
    ef_search: WalkEf = 64,
    first: First = 10,
    most: MostShown = 100_000,
    layout: Placing = "auto",
    seed: Seed = 0,
    column: QueryColumn = None,
    mmap: Mmap = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Draw an index as a city: points, streets, highways, and the ways of queries.

    One page of HTML that needs no network. What was missed is marked in red, with the reason.
    """
    from vicinal import Index

    check_output(output, force)
    known = read_labels(labels, id_field, color)
    opened = Index.open(index, mmap=mmap)
    asked = None if queries is None else all_of(queries, column)[:first]
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
