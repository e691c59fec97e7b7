"""Runs the code blocks of a page in reading order, as a reader would who types all of them in.

One page is one session: an empty folder, one Python namespace, one shell `PATH`. A `text` block
right after a `python` block, or the lines under a `$ command`, are what must come out; `...`
stands for anything.

Words of `make` are not run here (`make test` is what runs this): they must exist, and `make -n`
must be able to plan them. The same holds for installing: the extras named must exist.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pages import ROOT

if TYPE_CHECKING:
    from pages import Block

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SECONDS = 120


class Session:
    """One reader's session in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, object] = {"__name__": "__main__"}
        # The `vicinal` that a reader would find is the one installed beside this interpreter.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.env = {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}

    def python(self, block: Block, expected: str | None) -> None:
        if re.search(r"^>>> ", block.text, re.MULTILINE):
            assert expected is None, f"{block}: a block with >>> shows its output itself"
            self._doctest(block)
            return
        code = compile("\n" * block.line + block.text, str(block.page), "exec")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, self.names)
        assert_output(block, out.getvalue(), expected)

    def _doctest(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(
            block.text, self.names, str(block), str(block.page), block.line
        )
        report = io.StringIO()
        runner = doctest.DocTestRunner(verbose=False, optionflags=LOOSE)
        runner.run(test, out=report.write, clear_globs=False)
        self.names.update(test.globs)
        assert not runner.failures, report.getvalue()

    def console(self, block: Block) -> None:
        for command, expected in commands(block.text):
            if plan(command):
                assert not expected, f"{block}: nothing runs {command!r}, so nothing checks this"
                continue
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            assert done.returncode == 0, f"{block}: {command}\n{done.stdout}\n{done.stderr}"
            assert_output(block, done.stdout, expected or None)


def commands(text: str) -> list[tuple[str, str]]:
    """Split a console block into (command, expected output); `\\` continues a command."""
    found: list[tuple[str, str]] = []
    going_on = False
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif going_on:
            found[-1] = (found[-1][0] + "\n" + line, "")
        else:
            assert found, f"a console block begins with '$ ', not {line!r}"
            found[-1] = (found[-1][0], found[-1][1] + line + "\n")
        going_on = line.endswith("\\") and not found[-1][1]
    return [(command, output.strip()) for command, output in found]


def plan(command: str) -> bool:
    """Check a command that this test must not carry out; False if it is one to run."""
    words = [w for w in shlex.split(command, comments=True) if not re.match(r"[A-Z_]+=", w)]
    if words[0] == "make":
        planned = subprocess.run(
            ["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, check=False
        )
        assert planned.returncode == 0, f"{command}: {planned.stderr.decode()}"
        return True
    if words[:2] == ["pip", "install"]:
        config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        extras = re.search(r"\[([\w,-]+)\]", command)
        named = set(extras[1].split(",")) if extras else set()
        unknown = named - set(config["project"]["optional-dependencies"])
        assert not unknown, f"{command!r} names extras that pyproject.toml has not: {unknown}"
        return True
    if words[:2] == ["git", "clone"] or words[0] == "cd":
        return True
    assert words[0] in ("vicinal", "python"), f"no rule for running {command!r}"
    return False


def assert_output(block: Block, got: str, expected: str | None) -> None:
    if expected is not None:
        matches = doctest.OutputChecker().check_output(expected + "\n", got, LOOSE)
        assert matches, f"{block} shows\n{expected}\nbut this came out:\n{got}"


def run_page(page_blocks: list[Block], folder: Path) -> int:
    """Run a page; returns how many of its blocks were run."""
    session, ran = Session(folder), 0
    before = Path.cwd()
    os.chdir(folder)
    try:
        for block, after in zip(page_blocks, [*page_blocks[1:], None], strict=True):
            if block.language == "python":
                adjoins = after is not None and after.language == "text" and follows(block, after)
                session.python(block, after.text if adjoins and after else None)
            elif block.language == "console":
                session.console(block)
            else:
                assert block.language == "text", f"{block}: no rule for {block.language!r} blocks"
                continue
            ran += 1
    finally:
        os.chdir(before)
    return ran


def follows(block: Block, after: Block) -> bool:
    """Whether a block stands right after another, with nothing but a blank line between them."""
    closing = block.line + len(block.text.splitlines()) + 1
    lines = block.page.read_text(encoding="utf-8").splitlines()[closing : after.line - 1]
    return not any(line.strip() for line in lines)
