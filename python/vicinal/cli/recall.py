"""``vicinal recall``: what approximate answers lose, and what they win."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vicinal.cli.asked import all_of
from vicinal.cli.options import (
    IndexFile,
    Json,
    Mmap,
    Neighbours,
    QueryColumn,
    QueryFile,
    Threads,
)
from vicinal.cli.outcome import FailedCheck, print_json
from vicinal.cli.progress import bar
from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    from vicinal import RecallReport


EXAMPLES = """\b
Examples:
  vicinal recall vectors.vicinal queries.npy
  vicinal recall vectors.vicinal queries.npy -k 100 --ef-search 100,200,400
  vicinal recall vectors.vicinal queries.npy --fail-under 0.95 --json
"""


def recall(
    index: IndexFile,
    queries: QueryFile,
    k: Neighbours = 10,
    ef_search: Annotated[
        str,
        typer.Option(
            metavar="N[,N…]", help="Candidates kept during the walk; several are compared."
        ),
    ] = "64",
    fail_under: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="RECALL",
            help="Exit with status 1 if the recall, at the largest ef_search, is lower.",
        ),
    ] = None,
    column: QueryColumn = None,
    threads: Threads = 0,
    mmap: Mmap = False,
    json: Json = False,
) -> None:
    """Measure recall against exact search, on queries of one's own.

    Recall is the share of the true k nearest that search finds; its 95% interval is Wilson's. The
    excess says how much farther than the true neighbour of its rank a found one is. Queries that
    are themselves in the index are too easy: they flatter.
    """
    from vicinal import Index

    efforts = _numbers(ef_search)
    opened = Index.open(index, mmap=mmap)
    asked = all_of(queries, column)
    reports = []
    with bar("measuring", len(efforts)) as show:
        for done, effort in enumerate(efforts, 1):
            reports.append(opened.measure_recall(asked, k, ef_search=effort, threads=threads))
            show(done)

    if json:
        measured = [asdict(report) for report in reports]
        print_json(
            {
                "command": "recall",
                "index": str(index),
                "vectors": len(opened),
                "queries": len(asked),
                "k": k,
                "measurements": measured,
            }
        )
    else:
        _show(reports, len(asked), k)
    last = max(reports, key=lambda report: report.ef_search)
    if fail_under is not None and last.recall < fail_under:
        raise FailedCheck(
            f"recall@{k} {last.recall:.4f} at ef_search {last.ef_search} is below {fail_under}"
        )


def _show(reports: "list[RecallReport]", queries: int, k: int) -> None:
    print(f"recall@{k} of {queries:,} queries")
    row = "{:>9}  {:>7}  {:>15}  {:>10}  {:>10}  {:>10}  {:>7}"
    print(
        row.format(
            *("ef_search", "recall", "95% interval", "excess p99"),
            *("queries/s", "exact/s", "faster"),
        )
    )
    for report in reports:
        interval = f"{report.low:.4f}-{report.high:.4f}"
        cells: tuple[Any, ...] = (
            report.ef_search,
            f"{report.recall:.4f}",
            interval,
            f"{report.epsilon_p99:.2%}",
            f"{report.qps:,.0f}",
            f"{report.exact_qps:,.0f}",
            f"{report.qps / report.exact_qps:.1f}x",
        )
        print(row.format(*cells))


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise InvalidInputError(
            f"--ef-search takes whole numbers from 1, parted by commas, such as 16,32,64; "
            f"not {text!r}"
        )
    return numbers
