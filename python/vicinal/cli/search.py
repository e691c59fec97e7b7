"""``vicinal search``: the nearest neighbours of each query."""

import json as json_format
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vicinal.cli.asked import all_of, read_filter, read_number
from vicinal.cli.files import check_output
from vicinal.cli.options import (
    Budget,
    EfSearch,
    Exact,
    FilterIds,
    Force,
    Guarantee,
    IndexFile,
    Json,
    Mmap,
    Neighbours,
    QueryColumn,
    QueryFile,
    Threads,
)
from vicinal.cli.outcome import print_json
from vicinal.cli.progress import bar
from vicinal.errors import InvalidInputError
from vicinal.outputs import atomic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from numpy.typing import NDArray

    from vicinal import Index

    # The arrays of all answers, by name.
    Found: TypeAlias = dict[str, NDArray[Any]]

# Queries answered by one call: enough for all threads, few enough for a bar that moves.
BATCH = 4096
# Queries shown to a person, who can ask for all in a file.
SHOWN = 5


EXAMPLES = """\b
Examples:
  vicinal search vectors.vicinal queries.npy
  vicinal search vectors.vicinal queries.npy -k 100 --ef-search 300 -o hits.npz
  vicinal search vectors.vicinal queries.npy --filter-ids in_stock.npy
  vicinal search vectors.vicinal queries.npy --guarantee 0.1 -o hits.npz
  vicinal search vectors.vicinal queries.npy --exact --json | jq '.results[0].ids'
"""


def search(
    index: IndexFile,
    queries: QueryFile,
    k: Neighbours = 10,
    ef_search: EfSearch = 64,
    exact: Exact = False,
    guarantee: Guarantee = None,
    budget: Budget = None,
    filter_ids: FilterIds = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Keep all answers: .npz (arrays ids, distances, counts, and of proofs certified, "
            "epsilon, measured, share) or .jsonl (a line a "
            "query).",
        ),
    ] = None,
    column: QueryColumn = None,
    threads: Threads = 0,
    mmap: Mmap = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Find the nearest vectors of each query.

    Without --output or --json the first queries' answers are shown.
    """
    from vicinal import Index

    if output is not None:
        if output.suffix not in (".npz", ".jsonl"):
            raise InvalidInputError(f"{output}: answers are kept as .npz or .jsonl, name one")
        check_output(output, force)
    opened = Index.open(index, mmap=mmap)
    allowed = read_filter(filter_ids)
    asked = all_of(queries, column)

    how: dict[str, Any] = {"ef_search": ef_search, "exact": exact, "filter": allowed}
    how |= {"guarantee": read_number(guarantee), "budget": read_number(budget), "threads": threads}
    began = time.perf_counter()
    found = _answers(opened, asked, k, how)
    seconds = time.perf_counter() - began

    if output is not None:
        _keep(output, found)
    facts: dict[str, Any] = {
        "command": "search",
        "index": str(index),
        "vectors": len(opened),
        "queries": len(asked),
        "k": k,
        "ef_search": None if exact else max(ef_search, k),
        "exact": exact,
        **_proven(guarantee, found),
        "metric": opened.metric,
        "seconds": round(seconds, 6),
        "queries_per_second": round(len(asked) / max(seconds, 1e-9), 1),
    }
    if json:
        if output is None:
            facts["results"] = list(_lines(found))
        else:
            facts["output"] = str(output)
        print_json(facts)
        return
    way = "exact search" if exact else f"ef_search {facts['ef_search']}"
    if output is None:
        _show(opened.metric, found)
    print(
        f"{len(asked):,} queries, {way}: {seconds:.3g} s, "
        f"{facts['queries_per_second']:,.0f} queries/s"
        + ("" if output is None else f"; answers are in {output}")
    )
    if guarantee is not None:
        print(
            f"{facts['certified']:,} certified (guarantee {guarantee}); "
            f"{facts['measured_share']:.2%} of the vectors were measured for the proofs"
        )


def _proven(guarantee: str | None, found: "Found") -> dict[str, Any]:
    if guarantee is None:
        return {}
    return {
        "guarantee": guarantee,
        "certified": int(found["certified"].sum()),
        "measured_share": round(float(found["share"].mean()), 6) if len(found["share"]) else 0.0,
    }


def _answers(index: "Index", queries: "NDArray[Any]", k: int, how: dict[str, Any]) -> "Found":
    """Ask in batches; the arrays of all answers by name."""
    import numpy as np

    parts: list[Found] = []
    with bar("searching", len(queries)) as show:
        for start in range(0, len(queries), BATCH):
            batch = queries[start : start + BATCH]
            try:
                found = index.search(batch, k, **how)
            except InvalidInputError as error:
                where = f"queries, counted from row {start:,}: " if start else ""
                raise InvalidInputError(f"{where}{error}") from error
            counts = np.asarray(found.counts)
            part: Found = {"ids": found.ids, "distances": found.distances, "counts": counts}
            if found.certificate is not None:
                part |= {
                    name: getattr(found.certificate, name)
                    for name in ("certified", "epsilon", "measured", "share")
                }
            parts.append(part)
            show(start + len(batch))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _lines(found: "Found") -> "Iterator[dict[str, Any]]":
    """Say each query's answers in Python's own types, without the padding."""
    for query, count in enumerate(found["counts"].tolist()):
        line = {
            "query": query,
            "ids": found["ids"][query, :count].tolist(),
            # As short as float32 needs: 0.1, not 0.10000000149.
            "distances": [float(str(x)) for x in found["distances"][query, :count]],
        }
        if "certified" in found:
            proven = float(found["epsilon"][query])
            line["certified"] = bool(found["certified"][query])
            # JSON has no infinity: null where nothing is known.
            line["epsilon"] = proven if proven < float("inf") else None
        yield line


def _keep(output: Path, found: "Found") -> None:
    import numpy as np

    with atomic(output) as part:
        if output.suffix == ".npz":
            np.savez(part, **found)  # type: ignore[arg-type]
            return
        with part.open("w", encoding="utf-8") as file:
            for line in _lines(found):
                file.write(json_format.dumps(line) + "\n")


def _show(metric: str, found: "Found") -> None:
    first = {name: values[:SHOWN] for name, values in found.items()}
    for line in _lines(first):
        print(f"query {line['query']}" + ("" if line.get("certified", True) else "  not certified"))
        for rank, (number, distance) in enumerate(
            zip(line["ids"], line["distances"], strict=True), 1
        ):
            print(f"  {rank:>3}  id {number:<12} {metric} {distance:g}")
    if len(found["ids"]) > SHOWN:
        print(f"… and {len(found['ids']) - SHOWN:,} more queries: --output or --json has all")
