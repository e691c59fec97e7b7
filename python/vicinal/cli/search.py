"""``vicinal search``: the nearest neighbours of each query."""

import io
import json as json_format
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vicinal.cli.files import check_output
from vicinal.cli.options import (
    EfSearch,
    Exact,
    Force,
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
from vicinal.errors import FileMissingError, InvalidInputError, StorageError
from vicinal.outputs import atomic

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from vicinal import IdSet, Index

# Queries answered by one call: enough for all threads, few enough for a bar that moves.
BATCH = 4096
# Queries shown to a person, who can ask for all in a file.
SHOWN = 5


EXAMPLES = """\b
Examples:
  vicinal search vectors.vicinal queries.npy
  vicinal search vectors.vicinal queries.npy -k 100 --ef-search 300 -o hits.npz
  vicinal search vectors.vicinal queries.npy --filter-ids in_stock.npy
  vicinal search vectors.vicinal queries.npy --exact --json | jq '.results[0].ids'
"""


def search(
    index: IndexFile,
    queries: QueryFile,
    k: Neighbours = 10,
    ef_search: EfSearch = 64,
    exact: Exact = False,
    filter_ids: Annotated[
        Path | None,
        typer.Option(
            "--filter-ids",
            metavar="FILE",
            help="Find only these: .npy of ids or of bools (mask[id]), .txt with an id a line, or "
            "a serialized roaring bitmap.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Keep all answers: .npz (arrays ids, distances, counts) or .jsonl (a line a "
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
    from vicinal.datasets import open_vectors

    if output is not None:
        if output.suffix not in (".npz", ".jsonl"):
            raise InvalidInputError(f"{output}: answers are kept as .npz or .jsonl, name one")
        check_output(output, force)
    opened = Index.open(index, mmap=mmap)
    allowed = None if filter_ids is None else _read_filter(filter_ids)
    asked = open_vectors(queries, column, role="queries").array()

    began = time.perf_counter()
    found = _answers(opened, asked, k, ef_search, exact, threads, allowed)
    seconds = time.perf_counter() - began

    if output is not None:
        _keep(output, *found)
    facts: dict[str, Any] = {
        "command": "search",
        "index": str(index),
        "vectors": len(opened),
        "queries": len(asked),
        "k": k,
        "ef_search": None if exact else max(ef_search, k),
        "exact": exact,
        "metric": opened.metric,
        "seconds": round(seconds, 6),
        "queries_per_second": round(len(asked) / max(seconds, 1e-9), 1),
    }
    if json:
        if output is None:
            facts["results"] = list(_lines(*found))
        else:
            facts["output"] = str(output)
        print_json(facts)
        return
    how = "exact search" if exact else f"ef_search {facts['ef_search']}"
    if output is None:
        _show(opened.metric, *found)
    print(
        f"{len(asked):,} queries, {how}: {seconds:.3g} s, "
        f"{facts['queries_per_second']:,.0f} queries/s"
        + ("" if output is None else f"; answers are in {output}")
    )


def _read_filter(path: Path) -> "IdSet":
    import numpy as np

    from vicinal import IdSet

    try:
        data = path.read_bytes()
    except OSError as error:
        kind = FileMissingError if isinstance(error, FileNotFoundError) else StorageError
        raise kind(f"{path}: {error.strerror}", error.errno, str(path)) from error
    try:
        if path.suffix == ".npy":
            return IdSet(np.load(io.BytesIO(data), allow_pickle=False))
        if path.suffix == ".txt":
            return IdSet([int(line) for line in data.split()])
        return IdSet(data)
    except ValueError as error:
        raise InvalidInputError(f"{path}: {error}") from error


def _answers(
    index: "Index",
    queries: "NDArray[Any]",
    k: int,
    ef_search: int,
    exact: bool,
    threads: int,
    allowed: "IdSet | None",
) -> "tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]":
    import numpy as np

    parts = []
    with bar("searching", len(queries)) as show:
        for start in range(0, len(queries), BATCH):
            batch = queries[start : start + BATCH]
            try:
                found = index.search(
                    batch, k, ef_search=ef_search, exact=exact, threads=threads, filter=allowed
                )
            except InvalidInputError as error:
                where = f"queries, counted from row {start:,}: " if start else ""
                raise InvalidInputError(f"{where}{error}") from error
            parts.append((found.ids, found.distances, found.counts))
            show(start + len(batch))
    ids, distances, counts = (np.concatenate(part) for part in zip(*parts, strict=True))
    return ids, distances, counts


def _lines(
    ids: "NDArray[np.int64]", distances: "NDArray[np.float32]", counts: "NDArray[np.int64]"
) -> "Iterator[dict[str, Any]]":
    """Say each query's answers in Python's own types, without the padding."""
    for query, count in enumerate(counts.tolist()):
        yield {
            "query": query,
            "ids": ids[query, :count].tolist(),
            # As short as float32 needs: 0.1, not 0.10000000149.
            "distances": [float(str(x)) for x in distances[query, :count]],
        }


def _keep(
    output: Path,
    ids: "NDArray[np.int64]",
    distances: "NDArray[np.float32]",
    counts: "NDArray[np.int64]",
) -> None:
    import numpy as np

    with atomic(output) as part:
        if output.suffix == ".npz":
            np.savez(part, ids=ids, distances=distances, counts=counts)
            return
        with part.open("w", encoding="utf-8") as file:
            for line in _lines(ids, distances, counts):
                file.write(json_format.dumps(line) + "\n")


def _show(
    metric: str,
    ids: "NDArray[np.int64]",
    distances: "NDArray[np.float32]",
    counts: "NDArray[np.int64]",
) -> None:
    for line in _lines(ids[:SHOWN], distances[:SHOWN], counts[:SHOWN]):
        print(f"query {line['query']}")
        for rank, (number, distance) in enumerate(
            zip(line["ids"], line["distances"], strict=True), 1
        ):
            print(f"  {rank:>3}  id {number:<12} {metric} {distance:g}")
    if len(ids) > SHOWN:
        print(f"… and {len(ids) - SHOWN:,} more queries: --output or --json has all")
