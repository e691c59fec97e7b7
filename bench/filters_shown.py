"""What `filters.py` measured, as tables and as plots."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from filters_peers import PEERS, K

from vicinal.plots import Axis, Panel, Plot, Rule, Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

TARGET = 0.95
KINDS = ("random", "near", "far")
COLOURS = ("#c2410c", "#f59e0b", "#64748b", "#2563eb", "#7c3aed", "#db2777", "#16a34a")


def tables(results: Sequence[dict[str, Any]]) -> str:
    """Say in Markdown how fast each is that reaches the recall, and how Vicinal is as it comes."""

    def reached(row: dict[str, Any]) -> str:
        return f"{row['qps']:,.0f}" if row["recall"] >= TARGET else "-"

    def both(row: dict[str, Any]) -> str:
        return f"{row['qps']:,.0f} ({row['recall']:.3f})"

    own = [name for name in PEERS if name.startswith("vicinal")]
    return f"{_table(results, PEERS, False, reached)}\n\n{_table(results, own, True, both)}"


def _table(
    results: Sequence[dict[str, Any]],
    peers: Iterable[str],
    default: bool,
    say: Callable[[dict[str, Any]], str],
) -> str:
    peers = list(peers)
    lines = [
        "| set, what matches | " + " | ".join(peers) + " |",
        "| --- |" + " ---: |" * len(peers),
    ]
    for result in results:
        cells: dict[tuple[str, float], dict[str, str]] = defaultdict(dict)
        for row in result["rows"]:
            if row["default"] == default:
                cells[row["kind"], row["share"]][row["peer"]] = say(row)
        for (kind, share), of_peers in cells.items():
            name = f"{result['title'].split()[0]}, {100 * share:g}% {kind}"
            lines.append(f"| {name} | " + " | ".join(of_peers[peer] for peer in peers) + " |")
    return "\n".join(lines)


def plot(results: Sequence[dict[str, Any]], kinds: Sequence[str]) -> Plot:
    """Draw speed where the recall is reached, and recall, against the share that matches."""
    share = Axis("share of vectors that match", "log", say=lambda value: f"{100 * value:g}%")
    speed = Axis(f"queries a second at recall@{K} ≥ {TARGET}", "log")
    quality = Axis(f"recall@{K}", limits=(0, 1.03))
    goal = Rule("y", TARGET, f"{TARGET}")
    panels: list[Panel] = []
    for kind in kinds:
        for result in results:
            title = f"{result['title']}, {kind}"
            panels.append(Panel(title, share, speed, _curves(result, kind, "qps"), names="ends"))
        for result in results:
            title = "recall there, or of the longest list"
            panels.append(Panel(title, share, quality, _curves(result, kind, "recall"), [goal]))
    return Plot("Under filters", panels, columns=len(results))


def _curves(result: dict[str, Any], kind: str, of: str) -> list[Series]:
    """Speeds stand only where the recall was reached."""
    curves = []
    for place, (peer, colour) in enumerate(zip(PEERS, COLOURS, strict=True)):
        rows = [
            row
            for row in result["rows"]
            if (row["peer"], row["kind"], row["default"]) == (peer, kind, False)
            and (of == "recall" or row["recall"] >= TARGET)
        ]
        x, y = ([row[name] for row in rows] for name in ("share", of))
        hover = [f"list of {row['ef']}, recall {row['recall']:.3f}" for row in rows]
        strong = peer.startswith("vicinal")
        curves.append(Series(peer, x, y, colour, marker=place, strong=strong, hover=hover))
    return curves
