"""The story's words and tables, written to a terminal of 80 columns or more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from vicinal.datasets.coffee import TASTES
from vicinal.demo.draw import WALKED, ratio
from vicinal.growth import seconds

if TYPE_CHECKING:
    from vicinal.demo.walk import Stage
    from vicinal.demo.wish import Wish

# The colours of the plot, as near as terminals have them.
WALK, ASK = "blue", "dark_orange3"
# A terminal this wide has room for the neighbourhoods.
WIDE = 112
# With less of the processor than this, times are said to be doubtful.
IDLE = 0.8


class Teller:
    """Tells the story, or keeps quiet."""

    def __init__(self, quiet: bool) -> None:
        self.out = Console(quiet=quiet, highlight=False, markup=False)

    def chapter(self, title: str, text: str = "") -> None:
        """Begin a chapter."""
        self.out.print(f"\n{title}", style="bold")
        if text:
            self.out.print(text)

    def wish(self, shops: int, wish: Wish, kind: str) -> None:
        """Tell what the city is, and how a wish was understood."""
        self.chapter(
            f"A city of {shops:,} coffee shops",
            f"Each is known by {len(TASTES)} tastes from 0 to 100: {', '.join(TASTES[:4])}, … "
            f"{', '.join(TASTES[-3:])}.",
        )
        understood = ", ".join(f"{taste} {value}" for taste, value in wish.said.items())
        self.chapter(f"You ask for: {wish.text}", f"Understood: {understood}.")
        if wish.unknown:
            self.out.print(f"Nobody here knows what is meant by: {', '.join(wish.unknown)}.")
        rest = len(TASTES) - len(wish.said)
        if rest:
            article = "an" if kind[0] in "aeiou" else "a"
            self.out.print(
                f"Of the other {rest} tastes you said nothing. The shops that fit best are mostly "
                f"of one kind, {article} {kind}, so you get what is usual there."
            )

    def walk(self, shops: int, time: float) -> None:
        """Tell of the exact search."""
        self.chapter(
            "First you walk into every shop",
            f"{shops:,} of them, none left out: {seconds(time)}. The answer is exact, and in a "
            "city of twice the size it takes twice as long.",
        )
        self.chapter(
            "Then the city puts up signposts",
            "Each shop in turn asks the way to its nearest neighbours and puts up signs to them; "
            "some stand on highways across the city as well. That is HNSW.",
        )

    def ask(self, last: Stage, walk: dict[str, Any], ask: dict[str, Any], said: list[str]) -> None:
        """Tell of the approximate search, beside the exact one."""
        self.out.print(
            f"{last.shops:,} shops are connected after {last.build_seconds:.1f} s, "
            f"{last.shops / last.build_seconds:,.0f} a second."
        )
        self.chapter("Now you ask the way")
        true = {shop["number"] for shop in walk["shops"]}
        hits = sum(shop["number"] in true for shop in ask["shops"])
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("", justify="right")
        for head, answer, found, style in (
            ("every shop visited", walk, "the true nearest", WALK),
            ("the way asked", ask, f"{hits} of {len(true)} true", ASK),
        ):
            cost = f"{answer['visits']:,} shops\n{seconds(answer['seconds'])}"
            table.add_column(f"{head}\n{cost}\n{found}", style=style, no_wrap=True)
            table.add_column("apart", justify="right", style=style)
        table.add_column("\n".join(said[:4]), justify="right", no_wrap=True)
        for rank, (one, other) in enumerate(zip(walk["shops"], ask["shops"], strict=True), 1):
            table.add_row(
                str(rank),
                self._place(one),
                f"{one['distance']:.1f}",
                self._place(other) + ("" if other["number"] in true else " ✗"),
                f"{other['distance']:.1f}",
                " ".join(f"{other['tastes'][taste]:>3}" for taste in said[:4]),
            )
        self.out.print(table)

    def growth(self, stages: list[Stage], questions: int, k: int, law: str) -> None:
        """Tell how both grow."""
        self.chapter(
            "And as the city grows?", f"Medians of {questions} other wishes, asked one at a time."
        )
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("shops", justify="right")
        for head, style in (("walk", WALK), ("visits", WALK), ("ask", ASK), ("visits", ASK)):
            table.add_column(head, justify="right", style=style)
        table.add_column(f"recall@{k}", justify="right")
        table.add_column("faster", justify="right", style="bold")
        for stage in stages:
            table.add_row(
                f"{stage.shops:,}",
                seconds(stage.walk_seconds),
                f"{stage.walk_visits:,}",
                seconds(stage.ask_seconds),
                f"{stage.ask_visits:,}",
                f"{stage.recall:.1%}",
                ratio(stage.walk_seconds / stage.ask_seconds),
            )
        self.out.print(table)
        self.out.print(law)
        if stages[-1].processor_share < IDLE:
            self.out.print(
                "Other programs keep this machine busy: the walk had the processor "
                f"{stages[-1].processor_share:.0%} of its time, so it looks slower than it is."
            )

    def end(self, figures: dict[str, Any]) -> None:
        """Tell what is left, and what to do with it."""
        plots = [file for file in figures["files"] if "growth" in file]
        if plots:
            self.chapter("The plot", " and ".join(plots))
        for file in figures["files"]:
            if file.endswith("map.html"):
                self.chapter("The map, with a way to your wish", file)
                self.out.print(
                    f"The way is one that looks less far around (ef_search {WALKED}), so that an "
                    "eye can follow it; what it misses is marked in red, with the reason."
                )
        self.chapter(
            "The same on vectors of your own",
            "One vector a row, in a .npy file or another of the usual kinds. On the city's:\n",
        )
        for line in figures["commands"]:
            self.out.print(f"  {line}", soft_wrap=True)
        self.out.print(f"\n{figures['seconds']:.0f} s in all.")

    def _place(self, shop: dict[str, Any]) -> str:
        name: str = shop["name"]
        return f"{name}, {shop['neighbourhood']}" if self.out.width >= WIDE else name
