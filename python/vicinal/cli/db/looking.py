"""``vicinal db explain``, ``why-not`` and ``map``: how answers came about, and all of it seen."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vicinal.cli.asked import all_of, one_of, read_number
from vicinal.cli.db.options import (
    CollectionName,
    DatabaseFolder,
    Filter,
    Hitcount,
    Plan,
    Using,
    named,
    read_filter,
)
from vicinal.cli.files import check_output
from vicinal.cli.options import (
    Budget,
    First,
    Force,
    Guarantee,
    Json,
    MostShown,
    Page,
    Placing,
    QueryColumn,
    QueryFile,
    Row,
    Seed,
    WalkEf,
    WayQueries,
)
from vicinal.cli.outcome import draw, print_json
from vicinal.cli.progress import waiting

EXPLAIN_EXAMPLES = """\b
Examples:
  vicinal db explain shop.db docs queries.npy -k 3
  vicinal db explain shop.db docs queries.npy --row 7 --filter '{"cat": "x"}' --plan graph
  vicinal db explain shop.db docs queries.npy --guarantee exact
"""


def explain(
    database: DatabaseFolder,
    collection: CollectionName,
    queries: QueryFile,
    row: Row = 0,
    k: Hitcount = 10,
    filter: Filter = None,  # noqa: A002
    using: Using = None,
    ef_search: WalkEf = 64,
    plan: Plan = "auto",
    guarantee: Guarantee = None,
    budget: Budget = None,
    column: QueryColumn = None,
    json: Json = False,
) -> None:
    """Search for one of the queries, and show the way as a tree.

    Layer by layer: where it was entered, the hops with their distances, what the filter let
    through, what was stepped over since it was retired, and what was compared one by one; then the
    answer and, with --guarantee, what was proven of it.
    """
    import vicinal

    how: dict[str, Any] = {"filter": read_filter(filter), "using": using}
    how |= {"ef_search": ef_search, "plan": plan}
    how |= {"guarantee": read_number(guarantee), "budget": read_number(budget)}
    query = one_of(queries, column, row)
    with vicinal.open(database, mode="r") as db:
        way = db.collection(collection).explain(query, k, **how)
    if json:
        print_json(_about("db explain", database, collection, row) | way.to_dict())
    else:
        draw(way)


WHY_NOT_EXAMPLES = """\b
Examples:
  vicinal db why-not shop.db docs queries.npy doc-7
  vicinal db why-not shop.db docs queries.npy 17 --row 3 -k 5 --json
"""


def why_not(
    database: DatabaseFolder,
    collection: CollectionName,
    queries: QueryFile,
    record: Annotated[str, typer.Argument(metavar="ID", help="Of the record that is missing.")],
    row: Row = 0,
    k: Hitcount = 10,
    filter: Filter = None,  # noqa: A002
    using: Using = None,
    ef_search: WalkEf = 64,
    plan: Plan = "auto",
    column: QueryColumn = None,
    json: Json = False,
) -> None:
    """Say why a search does not give a record, and what would find it.

    What it says was tried. 17 names the record "17", or where there is none, the one with the
    number 17; so with UUIDs.
    """
    import vicinal

    condition, query = read_filter(filter), one_of(queries, column, row)
    with vicinal.open(database, mode="r") as db:
        docs = db.collection(collection)
        why = docs.why_not(
            query,
            named(docs, record),
            k,
            filter=condition,
            using=using,
            ef_search=ef_search,
            plan=plan,
        )
    if json:
        print_json(
            _about("db why-not", database, collection, row) | why.to_dict() | {"why": str(why)}
        )
    else:
        print(why)


MAP_EXAMPLES = """\b
Examples:
  vicinal db map shop.db docs -o docs.html --color cat
  vicinal db map shop.db docs queries.npy -o docs.html --first 5 --filter '{"cat": "x"}'
"""


def map_(
    database: DatabaseFolder,
    collection: CollectionName,
    queries: WayQueries = None,
    output: Page = Path("map.html"),
    color: Annotated[
        str | None, typer.Option(metavar="FIELD", help="The field of payloads to colour by.")
    ] = None,
    k: Hitcount = 10,
    filter: Filter = None,  # noqa: A002
    using: Using = None,
    ef_search: WalkEf = 64,
    first: First = 10,
    most: MostShown = 100_000,
    layout: Placing = "auto",
    seed: Seed = 0,
    column: QueryColumn = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Draw a collection as a city: records with their payloads, streets, and the ways of queries.

    One page of HTML that needs no network. What was missed is marked in red, with the reason. The
    filter is for the queries: all records are drawn.
    """
    import vicinal

    condition = read_filter(filter)
    check_output(output, force)
    asked = None if queries is None else all_of(queries, column)[:first]
    with vicinal.open(database, mode="r") as db, waiting("drawing"):
        drawn = db.collection(collection).map(
            output,
            asked,
            k=k,
            filter=condition,
            using=using,
            ef_search=ef_search,
            color=color,
            most=most,
            layout=layout,
            seed=seed,
        )
    if json:
        print_json(
            {
                "command": "db map",
                "database": str(database),
                "collection": collection,
                "page": str(output),
                "records": drawn.count,
                "shown": drawn.shown,
                "layout": drawn.layout,
                "queries": 0 if asked is None else len(asked),
            }
        )
    else:
        print(f"{output}: {drawn.shown:,} of {drawn.count:,} records, placed by {drawn.layout}")


def _about(command: str, database: Path, collection: str, row: int) -> dict[str, Any]:
    return {
        "command": command,
        "database": str(database),
        "collection": collection,
        "row": row,
    }
