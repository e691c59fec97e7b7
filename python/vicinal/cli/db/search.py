"""``vicinal db search`` and ``vicinal db text``: the best records of each query."""

import json as json_format
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from vicinal.cli.db.options import (
    CollectionName,
    DatabaseFolder,
    Filter,
    Hitcount,
    hits_as_json,
    read_filter,
    show,
)
from vicinal.cli.files import check_output
from vicinal.cli.options import EfSearch, Exact, Force, Json, QueryColumn, QueryFile
from vicinal.cli.outcome import print_json
from vicinal.cli.progress import bar
from vicinal.outputs import atomic

# Queries answered by one call.
BATCH = 256
# Queries shown to a person, who can ask for all in a file.
SHOWN = 5

EXAMPLES = """\b
Examples:
  vicinal db search shop.db docs queries.npy
  vicinal db search shop.db docs queries.npy -k 3 --filter '{"cat": "x"}' --json
"""


def search(
    database: DatabaseFolder,
    collection: CollectionName,
    queries: QueryFile,
    k: Hitcount = 10,
    filter: Filter = None,  # noqa: A002 - what it is called everywhere
    using: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which vectors, where the collection has several."),
    ] = None,
    ef_search: EfSearch = 64,
    exact: Exact = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Keep all answers as JSON, a line a query."
        ),
    ] = None,
    column: QueryColumn = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Find the records whose vectors are nearest to each query's.

    Without --output or --json the first queries' answers are shown.
    """
    import vicinal
    from vicinal.datasets import open_vectors

    condition = read_filter(filter)
    if output is not None:
        check_output(output, force)
    asked = open_vectors(queries, column, role="queries").array()
    results: list[dict[str, Any]] = []
    seconds = 0.0
    with vicinal.open(database, mode="r") as db, bar("searching", len(asked)) as told:
        docs = db.collection(collection)
        for start in range(0, len(asked), BATCH):
            began = time.perf_counter()
            found = docs.search(
                asked[start : start + BATCH],
                k,
                filter=condition,
                using=using,
                ef_search=ef_search,
                exact=exact,
            )
            seconds += time.perf_counter() - began
            results += [
                {"query": start + place, "hits": hits_as_json(hits)}
                for place, hits in enumerate(found)
            ]
            told(len(results))
    if output is not None:
        with atomic(output) as part, part.open("w", encoding="utf-8") as file:
            for result in results:
                file.write(json_format.dumps(result, ensure_ascii=False) + "\n")
    facts: dict[str, Any] = {
        "command": "db search",
        "database": str(database),
        "collection": collection,
        "queries": len(asked),
        "k": k,
        "seconds": round(seconds, 6),
    }
    if json:
        print_json(facts | ({"results": results} if output is None else {"output": str(output)}))
        return
    for result in results[:SHOWN] if output is None else ():
        print(f"query {result['query']}")
        for rank, hit in enumerate(result["hits"], 1):
            show(rank, hit["id"], hit["score"], hit["payload"])
    print(
        f"{len(asked):,} queries: {seconds:.3g} s"
        + ("" if output is None else f"; answers are in {output}")
    )


TEXT_EXAMPLES = """\b
Examples:
  vicinal db text shop.db docs 'graph search'
  vicinal db text shop.db docs '"small world"' --match all --filter '{"year": {"$gte": 2020}}'
"""


def text(
    database: DatabaseFolder,
    collection: CollectionName,
    query: Annotated[
        str, typer.Argument(metavar="WORDS", help="Words, and phrases in double quotes.")
    ],
    k: Hitcount = 10,
    filter: Filter = None,  # noqa: A002
    match: Annotated[
        str,
        typer.Option(metavar="HOW", help="any of the words, all of them, or phrase: in a row."),
    ] = "any",
    json: Json = False,
) -> None:
    """Find the records whose text fits best, by BM25, and mark what was found."""
    import vicinal

    condition = read_filter(filter)
    how: Any = match  # which is checked where it is used
    with vicinal.open(database, mode="r") as db:
        docs = db.collection(collection)
        hits = docs.text(query, k, filter=condition, match=how)
        marked = docs.highlight(hits, query, match=how, words=16)
    if json:
        print_json(
            {
                "command": "db text",
                "database": str(database),
                "collection": collection,
                "query": query,
                "hits": [
                    {**hit, "highlights": marks}
                    for hit, marks in zip(hits_as_json(hits), marked, strict=True)
                ],
            }
        )
        return
    for rank, (hit, marks) in enumerate(zip(hits, marked, strict=True), 1):
        show(rank, hit.id, hit.score, " … ".join(marks.values()))
    print(f"{len(hits):,} records")
