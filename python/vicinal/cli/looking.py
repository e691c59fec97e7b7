"""``vicinal explain`` and ``why-not``: how an answer came about, and why it lacks something."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vicinal.cli.asked import one_of, read_filter, read_number
from vicinal.cli.labels import labels_of, read_labels
from vicinal.cli.options import (
    Budget,
    FilterIds,
    Guarantee,
    IdField,
    IndexFile,
    Json,
    Labels,
    Mmap,
    Neighbours,
    QueryColumn,
    QueryFile,
    Row,
    WalkEf,
)
from vicinal.cli.outcome import draw, print_json

Plan = Annotated[
    str,
    typer.Option(metavar="HOW", help="auto, as searches do it; or graph, two-hop or scan."),
]

EXPLAIN_EXAMPLES = """\b
Examples:
  vicinal explain vectors.vicinal queries.npy -k 3
  vicinal explain vectors.vicinal queries.npy --row 7 --plan graph --labels shops.jsonl
  vicinal explain vectors.vicinal queries.npy --guarantee exact
"""


def explain(
    index: IndexFile,
    queries: QueryFile,
    row: Row = 0,
    k: Neighbours = 10,
    ef_search: WalkEf = 64,
    plan: Plan = "auto",
    guarantee: Guarantee = None,
    budget: Budget = None,
    filter_ids: FilterIds = None,
    labels: Labels = None,
    id_field: IdField = None,
    column: QueryColumn = None,
    mmap: Mmap = False,
    json: Json = False,
) -> None:
    """Search for one of the queries, and show the way as a tree.

    Layer by layer: where it was entered, the hops with their distances, what the filter let through
    and why the walk ended; then the answer and, with --guarantee, what was proven of it.
    """
    from vicinal import Index

    known = read_labels(labels, id_field)
    opened = Index.open(index, mmap=mmap)
    how: dict[str, Any] = {"ef_search": ef_search, "plan": plan, "filter": read_filter(filter_ids)}
    how |= {"guarantee": read_number(guarantee), "budget": read_number(budget)}
    way = opened.explain(one_of(queries, column, row), k, **how)
    answers = way.result.ids.tolist() + ([] if way.proven is None else way.proven.ids.tolist())
    hops = [hop.id for layer in way.layers for hop in layer.hops]
    texts = labels_of(opened, known, answers + hops) if known else {}
    if json:
        print_json(_about("explain", index, row) | way.to_dict() | _as_json(texts))
        return
    draw(way)
    _show(texts, answers)


WHY_NOT_EXAMPLES = """\b
Examples:
  vicinal why-not vectors.vicinal queries.npy 17
  vicinal why-not vectors.vicinal queries.npy 17 --row 3 -k 5 --json
"""


def why_not(
    index: IndexFile,
    queries: QueryFile,
    id: Annotated[  # noqa: A002
        int, typer.Argument(min=0, metavar="ID", help="Of the vector that is missing.")
    ],
    row: Row = 0,
    k: Neighbours = 10,
    ef_search: WalkEf = 64,
    plan: Plan = "auto",
    filter_ids: FilterIds = None,
    labels: Labels = None,
    id_field: IdField = None,
    column: QueryColumn = None,
    mmap: Mmap = False,
    json: Json = False,
) -> None:
    """Say why a search does not give a vector, and what would find it. What it says was tried."""
    from vicinal import Index

    known = read_labels(labels, id_field)
    opened = Index.open(index, mmap=mmap)
    why = opened.why_not(
        one_of(queries, column, row),
        id,
        k,
        ef_search=ef_search,
        plan=plan,
        filter=read_filter(filter_ids),
    )
    named = [id] if why.nearest_visited is None else [id, why.nearest_visited]
    texts = labels_of(opened, known, named) if known else {}
    if json:
        told = why.to_dict() | {"why": str(why)}
        print_json(_about("why-not", index, row) | told | _as_json(texts))
        return
    print(why)
    _show(texts, named)


def _about(command: str, index: Path, row: int) -> dict[str, Any]:
    return {"command": command, "index": str(index), "row": row}


def _as_json(texts: dict[int, str]) -> dict[str, Any]:
    return {"labels": {str(number): text for number, text in texts.items()}} if texts else {}


def _show(texts: dict[int, str], ids: list[int]) -> None:
    for number in dict.fromkeys(ids):
        if number in texts:
            print(f"{number} is {'; '.join(texts[number].splitlines())}")
