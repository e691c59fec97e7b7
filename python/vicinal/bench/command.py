"""``vicinal bench``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vicinal.bench.data import Workload, generate, load
from vicinal.bench.peers import PEERS, parse
from vicinal.bench.report import markdown
from vicinal.bench.results import Results, Settings
from vicinal.bench.session import run_benchmark, write
from vicinal.bench.truth import METRICS
from vicinal.errors import InvalidInputError, VicinalError

EXAMPLES = """\b
Examples:
  vicinal bench vectors.npy --queries queries.npy --metric cosine
  vicinal bench sift-128-euclidean.hdf5 --against all --build-threads 1,all
  vicinal bench --generate sift_like:1000000x128 --against hnswlib,symqg
"""


def bench(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA", help="A file of vectors: .npy, .fvecs, .bvecs, .hdf5, .parquet, …"
        ),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(help="A file of queries; without it, rows are held out as such."),
    ] = None,
    against: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help=f"Peers, parted by commas: {', '.join(PEERS)}; a "
            "library's name for all of its rows; all; none. Settings follow after colons: "
            "hnswlib:M=32.",
        ),
    ] = "hnswlib,faiss,usearch",
    variant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SETTINGS",
            help="Another row for Vicinal: M=32, layout=fast:store=f16, isa=avx2, or walks=1: "
            "queries of a batch one after the other. May be given several times.",
        ),
    ] = None,
    generate_: Annotated[
        str | None,
        typer.Option(
            "--generate", metavar="NAME:NxDIM", help="Make the vectors: sift_like:1000000x128."
        ),
    ] = None,
    metric: Annotated[str, typer.Option(help=f"One of {', '.join(METRICS)}.")] = "l2",
    k: Annotated[int, typer.Option("-k", min=1, help="Neighbours asked for.")] = 10,
    rows: Annotated[
        int | None,
        typer.Option(min=1, help="Use only the first so many vectors."),
    ] = None,
    held_out: Annotated[int, typer.Option(min=1, help="Rows held out as queries.")] = 1000,
    column: Annotated[
        str | None,
        typer.Option(help="The column or dataset that holds the vectors."),
    ] = None,
    query_column: Annotated[
        str | None,
        typer.Option(help="The column or dataset that holds the queries."),
    ] = None,
    targets: Annotated[str, typer.Option(help="Recalls to compare at.")] = "0.9,0.95,0.99",
    threads: Annotated[str, typer.Option(help="Search with these numbers of threads.")] = "1,all",
    build_threads: Annotated[
        str, typer.Option(help="Time builds with these numbers of threads; the last is searched.")
    ] = "all",
    rounds: Annotated[int, typer.Option(min=1, help="How often each point is timed.")] = 5,
    build_rounds: Annotated[int, typer.Option(min=1, help="How often each build is timed.")] = 1,
    single: Annotated[
        bool, typer.Option("--single", help="One query a call, on one thread.")
    ] = False,
    clock: Annotated[
        str,
        typer.Option(help="wall, or cpu: charge work on one thread processor time only."),
    ] = "wall",
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for results.")] = Path(
        "bench-results"
    ),
    environment: Annotated[
        Path, typer.Option(help="The peers' virtual environment; made if missing.")
    ] = Path(".venv-bench"),
    redraw: Annotated[
        bool,
        typer.Option("--redraw", help="Measure nothing: write tables and charts of --output anew."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Measure Vicinal beside other libraries on your own vectors.

    Curves of recall against queries a second, build time and memory, each library in a process of
    its own and all of them in turn, so that noise hits them alike. Peers come from PyPI into an
    environment of their own. Writes table.md, results.json, and curves.png, .svg and .html.
    """
    try:
        if redraw:
            results = Results.load(output / "results.json")
            write(results, output, _say)
        else:
            workload = _workload(
                data, queries, generate_, metric, column, query_column, rows, held_out
            )
            names = ["vicinal", *(f"vicinal:{settings}" for settings in variant or [])]
            contenders = parse(",".join(names + ([] if against == "none" else [against])))
            settings = Settings(
                k=k,
                targets=[_share(text) for text in targets.split(",")],
                threads=_counts(threads),
                build_threads=_counts(build_threads),
                rounds=rounds,
                build_rounds=build_rounds,
                single=single,
                clock=clock,
            )
            results = run_benchmark(
                workload, contenders, settings, output, environment=environment, say=_say
            )
    except VicinalError:
        raise
    except ValueError as error:
        raise InvalidInputError(str(error)) from error
    print(results.to_json() if json else markdown(results))


def _workload(
    data: Path | None,
    queries: Path | None,
    generated: str | None,
    metric: str,
    column: str | None,
    query_column: str | None,
    rows: int | None,
    held_out: int,
) -> Workload:
    if (data is None) == (generated is None):
        raise InvalidInputError("name a file of vectors or --generate some, one of the two")
    if generated is not None:
        return generate(generated, metric=metric, queries=held_out)
    assert data is not None
    return load(
        data,
        queries,
        metric=metric,
        column=column,
        query_column=query_column,
        rows=rows,
        held_out=held_out,
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise ValueError(f"recall {text} is not between 0 and 1")
    return value


def _counts(text: str) -> list[int]:
    counts = [0 if part.strip() == "all" else int(part) for part in text.split(",")]
    if any(count < 0 for count in counts):
        raise ValueError(f"{text!r} is not a list of numbers of threads, such as 1,all")
    return counts


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Run the command by itself, as ``python -m vicinal.bench``."""
    app = typer.Typer(rich_markup_mode=None)
    app.command(epilog=EXAMPLES)(bench)
    app()
