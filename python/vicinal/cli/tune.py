"""``vicinal tune``: the cheapest search that is good enough."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vicinal.cli.asked import all_of
from vicinal.cli.files import check_plot
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
from vicinal.cli.outcome import FailedCheck, print_json
from vicinal.cli.progress import waiting

if TYPE_CHECKING:
    from vicinal import TuneReport

EXAMPLES = """\b
Examples:
  vicinal tune vectors.vicinal queries.npy
  vicinal tune vectors.vicinal queries.npy -k 100 --target 0.99
  vicinal tune vectors.vicinal queries.npy --plot recall.svg
  vicinal tune vectors.vicinal --json | jq .ef_search
"""


def tune(
    index: IndexFile,
    queries: Annotated[
        Path | None,
        typer.Argument(
            metavar="QUERIES", help="Queries to tune for; without them, stored vectors."
        ),
    ] = None,
    target: Annotated[
        float, typer.Option(metavar="RECALL", help="The recall to reach, above 0 and at most 1.")
    ] = 0.95,
    k: Neighbours = 10,
    max_ef_search: Annotated[
        int, typer.Option(min=1, metavar="N", help="Where to give up.")
    ] = 4096,
    sample: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Stored vectors that stand in for queries."),
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Draws those.")] = 0,
    column: QueryColumn = None,
    threads: Threads = 0,
    mmap: Mmap = False,
    plot: PlotFile = None,
    theme: Theme = "light",
    force: Force = False,
    json: Json = False,
) -> None:
    """Find the smallest ef_search that reaches a recall, by measuring against exact search.

    Without QUERIES, stored vectors are asked for their neighbours other than themselves. Those are
    easier to find than those of new queries: take the answer for a lower bound. Status 1 says that
    no ef_search tried reaches the target.
    """
    from vicinal import Index

    check_plot(plot, theme, force)
    opened = Index.open(index, mmap=mmap)
    asked = None if queries is None else all_of(queries, column)
    with waiting("measuring"):
        report = opened.tune(
            asked,
            target,
            k,
            max_ef_search=max_ef_search,
            sample=sample,
            seed=seed,
            threads=threads,
        )
    if plot is not None:
        report.plot(plot, theme=theme)
    if json:
        facts = {"command": "tune", "index": str(index), "vectors": len(opened)}
        print_json(facts | asdict(report))
    else:
        _show(report)
    if not report.reached:
        raise FailedCheck(
            f"no ef_search up to {report.curve[-1].ef_search} reaches recall {target:g}; the best "
            f"is {report.recall:.4f}, at {report.ef_search}. Build with a larger --M, or search "
            "with --exact"
        )


def _show(report: "TuneReport") -> None:
    asked = "stored vectors" if report.stored else "queries"
    print(f"recall@{report.k} of {report.n_queries:,} {asked}, target {report.target_recall:g}")
    row = "{:>9}  {:>7}  {:>15}  {:>10}"
    print(row.format("ef_search", "recall", "95% interval", "queries/s"))
    for point in report.curve:
        interval = f"{point.low:.4f}-{point.high:.4f}"
        cells = (point.ef_search, f"{point.recall:.4f}", interval, f"{point.qps:,.0f}")
        mark = "  <- enough" if report.reached and point.ef_search == report.ef_search else ""
        print(row.format(*cells) + mark)
    print(f"{'exact':>9}  {'1.0000':>7}  {'':>15}  {report.exact_qps:>10,.0f}")
