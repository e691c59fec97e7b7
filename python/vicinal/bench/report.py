"""Results as a page of Markdown: what README shows comes from here, unedited."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vicinal.bench.curves import Spread
    from vicinal.bench.results import Results, Row

REFERENCES = ("hnswlib", "symqg")
NONE = "-"
TIMES = "\N{MULTIPLICATION SIGN}"


def markdown(results: Results) -> str:
    """Return the tables and what one must know to read them."""
    measured = [row for row in results.rows if row.steps and not row.error]
    failed = [row for row in results.rows if row.error]
    parts = [f"### {results.data['name']}", "", introduction(results), ""]
    if measured:
        parts += [*table(results, measured), "", *legend(results, measured)]
    parts += [f"- {row.label} is missing: {_line(row.error)}" for row in failed]
    return "\n".join(parts) + "\n"


def introduction(results: Results) -> str:
    """Say in a sentence or two what was measured, and on what."""
    data, settings, machine = results.data, results.settings, results.machine
    asked = "one query a call" if settings.single else "queries in batches"
    text = (
        f"{data['rows']:,} vectors of {data['dim']} ({data['dtype']}), {data['metric']}, "
        f"k = {settings.k}, {data['queries']:,} queries not among the vectors, {asked}. "
        f"{machine['processor']}, {machine['processors']} processors, {machine['date']}; "
        f"medians of {settings.rounds} interleaved rounds, ± half the range."
    )
    if settings.clock == "cpu":
        text += " Work on one thread is charged processor time only."
    load = machine.get("load")
    if load is not None and load > 0.5 * machine["processors"]:
        text += f" The machine had other work: load {load:.1f} at the start."
    return text


def table(results: Results, rows: Sequence[Row]) -> list[str]:
    """Return the lines of the main table, fastest first."""
    settings = results.settings
    targets = sorted(settings.targets)
    middle = targets[len(targets) // 2]
    first, *others = settings.threads
    references = [row for row in map(results.row, REFERENCES) if row]
    head = ["", *(f"QPS at {target:g}" for target in targets)]
    head += [f"{TIMES} {reference.label} at {middle:g}" for reference in references]
    head += [f"QPS at {middle:g}, {threads} threads" for threads in others]
    head += [
        f"build s, {threads} thread{'s' * (threads > 1)}" for threads in settings.build_threads
    ]
    head += ["bytes a vector", "counted", "peak MB"]
    lines = [_cells(head), _cells(["---", *["---:"] * (len(head) - 1)])]
    for row in sorted(rows, key=lambda row: -_rank(row, first, targets, middle)):
        cells = [f"**{row.label}**" if row.own else row.label]
        cells += [_speed(row.qps(first, target)) for target in targets]
        ratios = [row.ratio(reference, first, middle) for reference in references]
        cells += [f"{ratio.median:.2f}" if ratio else NONE for ratio in ratios]
        cells += [_speed(row.qps(threads, middle)) for threads in others]
        cells += [
            _seconds(row.build_seconds(threads, settings.clock))
            for threads in settings.build_threads
        ]
        cells += _memory(row, results.n)
        lines.append(_cells(cells))
    return lines


def legend(results: Results, rows: Sequence[Row]) -> list[str]:
    """Explain the columns and list versions, settings and peculiarities."""
    threads = results.settings.threads[0]
    where = "one thread pinned to a core" if threads == 1 else f"{threads} threads"
    speed = (
        f"- QPS at a recall: queries a second on {where}, read off the curve of efforts measured; "
        f"{NONE} where none of them gets there. An answer counts as right if it is no farther "
        "than the exact k-th."
    )
    memory = (
        "- Bytes a vector: memory that the process holds after the build and did not before, raw "
        "vectors included where the library keeps them; counted: those that the library itself "
        "says its index has; peak MB: the most held while building."
    )
    lines = [speed, memory]
    for row in rows:
        settings = ", ".join(f"{name}={value}" for name, value in row.settings.items())
        facts = "; ".join(filter(None, (settings, row.note)))
        lines.append(f"- {row.label} {row.version}" + (f": {facts}" if facts else ""))
    return lines


def _rank(row: Row, threads: int, targets: Sequence[float], middle: float) -> float:
    # Who reaches the middle target goes before who does not.
    best = row.qps(threads, middle)
    if best:
        return 1e9 + best.median
    lesser = row.qps(threads, targets[0])
    return lesser.median if lesser else 0.0


def _cells(values: Sequence[str]) -> str:
    return "| " + " | ".join(values) + " |"


def _speed(spread: Spread | None) -> str:
    if spread is None:
        return NONE
    half = 50 * (spread.high - spread.low) / spread.median
    return f"{spread.median:,.0f} ±{half:.0f}%"


def _seconds(spread: Spread | None) -> str:
    return NONE if spread is None else f"{spread.median:.{1 if spread.median < 100 else 0}f}"


def _memory(row: Row, n: int) -> list[str]:
    last = row.builds[-1]
    each = NONE if last.resident is None else f"{last.resident / n:,.0f}"
    counted = NONE if last.counted is None else f"{last.counted / n:,.0f}"
    peak = NONE if last.peak is None else f"{last.peak / 1e6:,.0f}"
    return [each, counted, peak]


def _line(text: str, limit: int = 160) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
