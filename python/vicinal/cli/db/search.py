"""``vicinal db search`` and ``vicinal db text``: the best records of each query."""

import json as json_format
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vicinal.cli.asked import read_number
from vicinal.cli.db.options import (
    CollectionName,
    DatabaseFolder,
    Filter,
    Hitcount,
    Plan,
    Using,
    hits_as_json,
    read_filter,
    show,
)
from vicinal.cli.files import check_output
from vicinal.cli.options import (
    Budget,
    EfSearch,
    Exact,
    Force,
    Guarantee,
    Json,
    QueryColumn,
    QueryFile,
)
from vicinal.cli.outcome import print_json
from vicinal.cli.progress import bar
from vicinal.errors import InvalidInputError
from vicinal.outputs import atomic

# Queries answered by one call.
BATCH = 256
# Queries shown to a person, who can ask for all in a file.
SHOWN = 5

EXAMPLES = """\b
Examples:
  vicinal db search shop.db docs queries.npy
  vicinal db search shop.db docs queries.npy -k 3 --filter '{"cat": "x"}' --json
  vicinal db search shop.db docs queries.npy --target-recall 0.95 -o answers.jsonl
  vicinal db search shop.db docs queries.npy --radius 0.3
  vicinal db search shop.db docs queries.npy --guarantee exact --json
"""


def search(
    database: DatabaseFolder,
    collection: CollectionName,
    queries: QueryFile,
    k: Annotated[
        int | None,
        typer.Option(
            "-k", min=1, metavar="N", help="How many records: 10, or all there are in a radius."
        ),
    ] = None,
    filter: Filter = None,  # noqa: A002 - what it is called everywhere
    using: Using = None,
    ef_search: EfSearch = 64,
    target_recall: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Instead of --ef-search, the share of the true nearest to be found. The first "
            "hundred answers are exact: the effort is measured on them.",
        ),
    ] = None,
    exact: Exact = False,
    plan: Plan = "auto",
    guarantee: Guarantee = None,
    budget: Budget = None,
    radius: Annotated[
        float | None,
        typer.Option(metavar="R", help="All records within this distance; every one is compared."),
    ] = None,
    mmr: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Records that differ: from 0, the nearest, to 1, the most diverse.",
        ),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Of records with the same value there, the nearest."),
    ] = None,
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
    """Find the records whose vectors are nearest to each query's, or all within a radius.

    Without --output or --json the first queries' answers are shown.
    """
    import vicinal
    from vicinal.datasets import open_vectors

    condition = read_filter(filter)
    how: dict[str, Any] = {
        "k": 10 if k is None else k,
        "ef_search": ef_search,
        "target_recall": target_recall,
        "exact": exact,
        "plan": plan,
        "mmr": mmr,
        "group_by": group_by,
        "guarantee": read_number(guarantee),
        "budget": read_number(budget),
    }
    if radius is not None:
        if any(given is not None for given in (target_recall, mmr, group_by, guarantee, budget)):
            raise InvalidInputError(
                "--radius compares every vector and gives all within it; leave out "
                "--target-recall, --mmr, --group-by, --guarantee and --budget"
            )
        how = {"r": radius, "limit": k}
    if output is not None:
        check_output(output, force)
    asked = open_vectors(queries, column, role="queries").array()
    results: list[dict[str, Any]] = []
    seconds = 0.0
    with vicinal.open(database, mode="r") as db, bar("searching", len(asked)) as told:
        docs = db.collection(collection)
        find = docs.search if radius is None else docs.search_radius
        for start in range(0, len(asked), BATCH):
            began = time.perf_counter()
            found = find(asked[start : start + BATCH], filter=condition, using=using, **how)
            seconds += time.perf_counter() - began
            results += [
                {
                    "query": start + place,
                    "hits": hits_as_json(hits),
                    "recall_estimate": hits.recall_estimate and asdict(hits.recall_estimate),
                    **_proven(hits.certificate),
                }
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
        "k": how.get("k", k),
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
        + ("" if target_recall is None else _expected(results))
        + ("" if guarantee is None else f"; {sum(one['certified'] for one in results):,} certified")
        + ("" if output is None else f"; answers are in {output}")
    )


def _proven(certificate: Any) -> dict[str, Any]:
    """What was proven of an answer, where it was asked for; no epsilon is as good as infinity."""
    if certificate is None:
        return {}
    epsilon = certificate.epsilon
    return {
        "certified": certificate.certified,
        "epsilon": epsilon if math.isfinite(epsilon) else None,
        "measured": certificate.measured,
    }


def _expected(results: list[dict[str, Any]]) -> str:
    """What to expect of answers with a target, which all have an estimate."""
    said = [result["recall_estimate"] for result in results]
    exact = sum(one["ef_search"] is None for one in said)
    mean = sum(one["value"] for one in said) / max(1, len(said))
    return f"; a recall of {mean:.3f} is expected ({exact:,} answers are exact)"


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
