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
    from typing import TypeAlias

    from numpy.typing import NDArray

    from vicinal import IdSet, Index

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
    guarantee: Annotated[
        str | None,
        typer.Option(
            metavar="exact|E",
            help="Prove each answer: exact, or within 1 + E of the true distances.",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="N|SHARE",
            help="Vectors that a proof may measure, like 1000 or 0.01; beyond, none is given.",
        ),
    ] = None,
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
    from vicinal.datasets import open_vectors

    if output is not None:
        if output.suffix not in (".npz", ".jsonl"):
            raise InvalidInputError(f"{output}: answers are kept as .npz or .jsonl, name one")
        check_output(output, force)
    opened = Index.open(index, mmap=mmap)
    allowed = None if filter_ids is None else _read_filter(filter_ids)
    asked = open_vectors(queries, column, role="queries").array()

    how: dict[str, Any] = {"ef_search": ef_search, "exact": exact, "filter": allowed}
    how |= {"guarantee": _number(guarantee), "budget": _number(budget), "threads": threads}
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


def _number(text: str | None) -> float | str | None:
    """Read 1000 as an int and 0.01 as a float; what is neither is for the engine to refuse."""
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    try:
        return float(text)
    except ValueError:
        return text


def _proven(guarantee: str | None, found: "Found") -> dict[str, Any]:
    if guarantee is None:
        return {}
    return {
        "guarantee": guarantee,
        "certified": int(found["certified"].sum()),
        "measured_share": round(float(found["share"].mean()), 6) if len(found["share"]) else 0.0,
    }


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
