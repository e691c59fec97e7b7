"""Writes docs/reference/cli.md from the help of `vicinal` and its commands (`make cli-reference`).

The page is committed, so that it can be read without building anything; a test holds its commands
and options against the program.
"""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import typer

from vicinal.cli import app, main

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parent / "reference" / "cli.md"
HEAD = """\
# Command line

`pip install 'vicinal[cli]'` installs the command. What follows is its own help, written here by
`make cli-reference`.
"""


def commands() -> list[str]:
    """The names of the commands, in the order in which the help lists them."""
    return list(_names(typer.main.get_command(app)))


def _names(group: Any) -> Iterator[str]:
    for name, command in group.commands.items():
        yield name
        if hasattr(command, "commands"):
            yield from (f"{name} {inner}" for inner in _names(command))


def help_of(*words: str) -> str:
    """What `vicinal … --help` prints on a plain terminal of 92 columns."""
    env = {"COLUMNS": "92", "TERMINAL_WIDTH": "92", "NO_COLOR": "1", "TERM": "dumb"}
    said = io.StringIO()
    with mock.patch.dict(os.environ, env), contextlib.redirect_stdout(said):
        main([*words, "--help"])
    return "\n".join(line.rstrip() for line in said.getvalue().strip("\n").splitlines())


def page() -> str:
    """The whole page."""
    parts = [HEAD, f"```text\n{help_of()}\n```\n"]
    parts += [
        f"## vicinal {name}\n\n```text\n{help_of(*name.split())}\n```\n" for name in commands()
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
