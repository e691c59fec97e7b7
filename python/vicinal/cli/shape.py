"""``vicinal stats`` and ``vicinal growth``: what a graph is like, and how that changes."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vicinal.cli.asked import all_of
from vicinal.cli.build import empty_index
from vicinal.cli.files import check_plot, size
from vicinal.cli.options import (
    Force,
    IndexFile,
    Json,
    Mmap,
    Neighbours,
    PlotFile,
    QueryColumn,
    Theme,
    Threads,
)
from vicinal.cli.outcome import print_json
from vicinal.cli.progress import bar

if TYPE_CHECKING:
    from vicinal import GrowthReport, Stats

STATS_EXAMPLES = """\b
Examples:
  vicinal stats vectors.vicinal
  vicinal stats vectors.vicinal --plot shape.svg
"""


def stats(
    index: IndexFile,
    plot: PlotFile = None,
    theme: Theme = "light",
    force: Force = False,
    mmap: Mmap = False,
    json: Json = False,
) -> None:
    """Count the nodes of each layer and their links, and the slots and bytes that they take."""
    from vicinal import Index

    check_plot(plot, theme, force)
    told = Index.open(index, mmap=mmap).stats()
    if plot is not None:
        told.plot(plot, theme=theme)
    if json:
        print_json({"command": "stats", "index": str(index), **_facts(told)})
        return
    print(f"{index}: {told.count:,} vectors, {told.bytes_per_vector:,.0f} bytes each")
    row = "{:>5}  {:>12}  {:>10}  {:>6}  {:>10}"
    print(row.format("layer", "nodes", "mean links", "fewest", "most"))
    for layer, histogram in enumerate(told.degree_histogram):
        degrees = [degree for degree, count in enumerate(histogram) if count]
        nodes = int(histogram.sum())
        mean = sum(degree * int(histogram[degree]) for degree in degrees) / nodes
        print(row.format(layer, f"{nodes:,}", f"{mean:.1f}", degrees[0], degrees[-1]))
    print(
        f"slots: {told.live:,} live, {told.dead:,} dead, {told.free:,} free; "
        + ", ".join(f"{part} {size(count)}" for part, count in told.bytes.items())
    )


def _facts(told: "Stats") -> dict[str, object]:
    return {
        "vectors": told.count,
        "nodes_per_layer": told.nodes_per_layer.tolist(),
        "degree_histogram": [counts.tolist() for counts in told.degree_histogram],
        "live": told.live,
        "dead": told.dead,
        "free": told.free,
        "loose_parts": told.loose_parts,
        "bytes": told.bytes,
        "bytes_per_vector": round(told.bytes_per_vector, 1),
        "entry_point": told.entry_point,
    }


GROWTH_EXAMPLES = """\b
Examples:
  vicinal growth vectors.npy queries.npy
  vicinal growth vectors.npy queries.npy --metric cosine --plot growth.html
"""


def growth(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A file of vectors.")],
    queries: Annotated[
        Path, typer.Argument(metavar="QUERIES", help="Vectors that are not among them.")
    ],
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="As in `vicinal build`.")
    ] = None,
    M: Annotated[int, typer.Option("--M", metavar="N", help="As in `vicinal build`.")] = 16,
    ef_construction: Annotated[int, typer.Option(metavar="N", help="As in `vicinal build`.")] = 200,
    k: Neighbours = 10,
    ef_search: Annotated[
        int, typer.Option(min=1, metavar="N", help="Candidates kept during a search.")
    ] = 64,
    first: Annotated[
        int, typer.Option(min=1, metavar="N", help="Ask so many of the queries.")
    ] = 300,
    column: QueryColumn = None,
    threads: Threads = 0,
    plot: PlotFile = None,
    theme: Theme = "light",
    force: Force = False,
    json: Json = False,
) -> None:
    """Measure exact search and the graph while an index grows.

    At 1,000 vectors, 3,000, 10,000, … and all. Nothing is kept but what is printed and drawn. One
    query at a time is timed, on one thread.
    """
    from vicinal.datasets import open_vectors

    check_plot(plot, theme, force)
    source = open_vectors(data)
    asked = all_of(queries, column)[:first]
    index = empty_index(source, metric, None, M=M, ef_construction=ef_construction)
    with bar("growing", source.rows) as show:
        report = index.measure_growth(
            source.array(),
            asked,
            k,
            ef_search=ef_search,
            threads=threads,
            progress=lambda done, _total: show(done),
        )
    if plot is not None:
        report.plot(plot, theme=theme)
    if json:
        print_json({"command": "growth", "data": str(data), **asdict(report)})
    else:
        _show(report)


def _show(report: "GrowthReport") -> None:
    from vicinal.growth import seconds

    row = "{:>12}  {:>9}  {:>12}  {:>9}  {:>9}  {:>7}  {:>12}"
    print(row.format("", "exact", "exact", "graph", "graph", "", "bytes"))
    print(
        row.format("vectors", "time", "distances", "time", "distances", f"@{report.k}", "a vector")
    )
    for point in report.points:
        cells = (
            f"{point.count:,}",
            seconds(point.exact_seconds),
            f"{point.exact_evaluations:,.0f}",
            seconds(point.graph_seconds),
            f"{point.graph_evaluations:,.0f}",
            f"{point.recall:.4f}",
            f"{point.bytes_per_vector:,.0f}",
        )
        print(row.format(*cells))
