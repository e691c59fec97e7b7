"""Every code block that a reader may copy runs, and shows what it says it shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pages import ROOT, all_pages, blocks
from runner import Session, commands, run_page

if TYPE_CHECKING:
    from pathlib import Path

RUNNABLE = ("python", "console")
PAGES = [p for p in all_pages() if any(b.language in RUNNABLE for b in blocks(p))]


def passages(folder: Path) -> None:
    """Stand-ins for a reader's own passages and their vectors."""
    with (folder / "passages.jsonl").open("w", encoding="utf-8") as file:
        for i in range(300):
            row = {"source": ["wordnet", "docs"][i % 2], "text": f"passage {i} on a graph search"}
            file.write(json.dumps(row) + "\n")
    rows = np.random.default_rng(0).normal(size=(300, 384))
    np.save(folder / "passages.npy", rows.astype(np.float16))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_block_of_the_page_runs(page: Path, tmp_path: Path) -> None:
    if page == ROOT / "README.md":
        passages(tmp_path)
    expected = sum(b.language in RUNNABLE for b in blocks(page))
    assert run_page(blocks(page), tmp_path) == expected


def test_the_readme_is_among_the_pages() -> None:
    assert ROOT / "README.md" in PAGES


@pytest.mark.parametrize(
    "text",
    [
        "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n",
        "```python\nassert 1 + 1 == 3\n```\n",
        "```python\n>>> 1 + 1\n3\n```\n",
        "```console\n$ python -c 'print(2)'\n3\n```\n",
        "```console\n$ python -c 'raise SystemExit(3)'\n```\n",
        "```console\n$ make no-such-word\n```\n",
        "```console\n$ pip install '.[no-such-extra]'\n```\n",
        "```console\n$ rm -r somewhere\n```\n",
        "```brainfuck\n+++\n```\n",
    ],
)
def test_a_wrong_block_is_caught(text: str, tmp_path: Path) -> None:
    page = tmp_path / "wrong.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(AssertionError):
        run_page(blocks(page), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "```python\nprint('one', 2)\n```\n\n```text\none ...\n```\n",
        "```python\n>>> 1 + 1\n2\n```\n",
        "```console\n$ python -c 'print(2)'\n2\n$ make help\n```\n",
    ],
)
def test_a_right_block_is_let_through(text: str, tmp_path: Path) -> None:
    page = tmp_path / "right.md"
    page.write_text(text, encoding="utf-8")
    assert run_page(blocks(page), tmp_path) == 1


def test_a_command_may_go_on_over_lines() -> None:
    text = "$ vicinal build a.npy \\\n    -o a.vicinal\nbuilt\n$ vicinal info a.vicinal\n"
    assert commands(text) == [
        ("vicinal build a.npy \\\n    -o a.vicinal", "built"),
        ("vicinal info a.vicinal", ""),
    ]


def test_a_session_keeps_its_names(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 20\n```\n```python\n>>> x + 1\n21\n```\n", encoding="utf-8")
    assert run_page(blocks(page), tmp_path) == 2
    assert Session(tmp_path).names == {"__name__": "__main__"}
