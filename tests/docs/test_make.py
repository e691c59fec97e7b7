"""The Makefile describes itself, and the pages name only words it knows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from pages import ROOT, all_pages, prose

if TYPE_CHECKING:
    from pathlib import Path

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
WORDS = set(re.findall(r"^\.PHONY: (\S+)$", MAKEFILE, re.MULTILINE))


def make(*words: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *words],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_every_word_and_help_is_the_default() -> None:
    said = make("help").stdout
    assert set(re.findall(r"^  make (\S+)", said, re.MULTILINE)) == WORDS
    assert make().stdout == said


def test_the_pages_name_only_words_that_exist() -> None:
    named = {
        (page.name, word)
        for page in all_pages()
        for _, line in prose(page)
        for word in re.findall(r"`make ([a-z-]+)", line)
    }
    assert named
    assert not {(page, word) for page, word in named if word not in WORDS}


@pytest.mark.parametrize("word", sorted(WORDS))
def test_every_word_can_be_planned(word: str) -> None:
    planned = make("-n", word)
    assert planned.returncode == 0, planned.stderr


@pytest.mark.parametrize(
    ("python", "path", "says"),
    [("no-such-python", None, "needs Python 3.10"), ("here", "", "'cargo' is not on PATH")],
)
def test_a_missing_tool_is_named(tmp_path: Path, python: str, path: str | None, says: str) -> None:
    """In a copy of the Makefile alone, where there is no .venv yet."""
    (tmp_path / "crates").mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "Cargo.toml", "Cargo.lock"):
        shutil.copy(ROOT / name, tmp_path)
    env = {"PYTHON": sys.executable if python == "here" else python}
    if path is not None:
        tools = tmp_path / "bin"
        tools.mkdir()
        for tool in ("bash", "sh", "find", "make", "awk"):
            found = shutil.which(tool)
            assert found
            (tools / tool).symlink_to(found)
        env["PATH"] = str(tools)
    done = make("demo", cwd=tmp_path, **env)
    assert done.returncode
    assert says in done.stdout
    assert not (tmp_path / ".venv" / ".stamps" / "venv").exists()
