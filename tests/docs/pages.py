"""Reads the project's Markdown: which pages there are, their code blocks, links and anchors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<info>.*)$")
LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
REFERENCE = re.compile(r"^\[[^\]]+\]: +(?P<target>\S+)$", re.MULTILINE)
HEADING = re.compile(r"^#+ +(?P<text>.+?)(?: *\{ *#(?P<id>[\w-]+) *\})? *$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and where it stands."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        inside = self.page.is_relative_to(ROOT)
        return f"{self.page.relative_to(ROOT) if inside else self.page}:{self.line}"


def all_pages() -> list[Path]:
    """Every Markdown page a reader may open: those at the root, in docs/ and beside the code."""
    folders = ("docs", "bench", "crates", "fuzz", "python", "tests")
    found = [*ROOT.glob("*.md"), *(p for f in folders for p in (ROOT / f).rglob("*.md"))]
    return sorted(p for p in found if not {"target", "results"} & set(p.parts))


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order, without their indentation."""
    found, lines = [], page.read_text(encoding="utf-8").splitlines()
    at = 0
    while at < len(lines):
        opening = FENCE.match(lines[at])
        if opening:
            closing = opening["indent"] + opening["ticks"]
            end = next(i for i in range(at + 1, len(lines)) if lines[i].rstrip() == closing)
            language = (opening["info"].split() or [""])[0]
            text = dedent("\n".join(lines[at + 1 : end]))
            found.append(Block(page, at + 1, language, text))
            at = end
        at += 1
    return found


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a page that stand outside fenced blocks."""
    inside = ""
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = FENCE.match(line)
        if fence and not inside:
            inside = fence["ticks"]
        elif fence and fence["ticks"] == inside and not fence["info"]:
            inside = ""
        elif not inside:
            yield number, line


def links(page: Path) -> list[tuple[int, str]]:
    """The targets of a page's links and pictures, each with its line."""
    lines = [""] * len(page.read_text(encoding="utf-8").splitlines())
    for number, line in prose(page):
        lines[number - 1] = re.sub(r"`[^`]*`", "``", line)
    text = "\n".join(lines)
    found = [*LINK.finditer(text), *REFERENCE.finditer(text)]
    return sorted((text.count("\n", 0, m.start("target")) + 1, m["target"]) for m in found)


def anchors(page: Path) -> set[str]:
    """The fragments a link into this page may name (a heading's words, joined by hyphens)."""
    found: set[str] = set()
    for _, line in prose(page):
        heading = HEADING.match(line)
        if heading:
            words = re.sub(r"[^\w\- ]", "", heading["text"].lower()).strip()
            found.add(heading["id"] or re.sub(r" +", "-", words))
    return found
