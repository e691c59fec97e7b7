"""How a command ends: what it says, on which stream, and with which exit status.

Standard output has the answer and nothing else: one JSON document with ``--json``, text without.
Standard error has progress, and errors of one line each.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ParamSpec

import typer

from vicinal import errors, isa

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")


class Status(IntEnum):
    """Exit statuses."""

    OK = 0
    FAILED_CHECK = 1
    USAGE = 2
    FILES = 3
    BUG = 4
    INTERRUPTED = 130
    PIPE = 141


# Refusals that have to do with files, the disk or memory; all others are about what was asked.
FILE_ERRORS = (
    errors.StorageError,
    errors.CorruptionError,
    errors.FormatError,
    errors.ReadOnlyError,
    errors.CapacityError,
    MemoryError,
    OSError,
)


class FailedCheck(Exception):  # noqa: N818
    """A check that was asked for says no. Not an error of the program or its user.

    Parameters
    ----------
    message : str
        What isn't as it should be.
    """


def command(function: Callable[P, None]) -> Callable[P, None]:
    """Give a command the common end: its errors become a line and an exit status."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            isa()  # a wrong VICINAL_ISA is told at once, whatever the command
            function(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader has seen enough: `vicinal search … | head`
            _abandon_output()
            raise typer.Exit(Status.PIPE) from None
        except KeyboardInterrupt:
            say("interrupted; nothing was written")
            raise typer.Exit(Status.INTERRUPTED) from None
        except Exception as error:
            if isinstance(error, typer.Exit) or hasattr(error, "format_message"):
                raise  # typer's own
            raise typer.Exit(fail(error, bool(kwargs.get("json")))) from None

    return run


def fail(error: Exception, as_json: bool) -> Status:
    """Report an error, and return the exit status for it."""
    if isinstance(error, FailedCheck):
        say(str(error))
        return Status.FAILED_CHECK
    known = isinstance(error, (errors.VicinalError, MemoryError, OSError))
    if not known or isinstance(error, errors.InternalError):
        status = Status.BUG
        message = f"a bug in Vicinal, please report it: {type(error).__name__}: {error}"
        if os.environ.get("VICINAL_TRACEBACK"):
            sys.excepthook(type(error), error, error.__traceback__)
        else:
            message += " (VICINAL_TRACEBACK=1 shows where)"
    elif isinstance(error, FILE_ERRORS):
        status, message = Status.FILES, str(error) or type(error).__name__
    else:
        status, message = Status.USAGE, str(error)
    say(f"error: {message}")
    try:
        if as_json:
            print_json({"error": {"type": type(error).__name__, "message": message}})
        sys.stdout.flush()
    except OSError:  # it was standard output that failed
        _abandon_output()
    return status


def _abandon_output() -> None:
    # Python flushes once more when it ends, and would complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(message: str) -> None:
    """Write one line to standard error."""
    print("vicinal:", " ".join(message.split()), file=sys.stderr, flush=True)


def draw(told: Any) -> None:
    """Write what prints as a tree to standard output; where that is a terminal, drawn by rich."""
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(told)
    else:
        print(told)


def print_json(document: dict[str, Any]) -> None:
    """Write one JSON document to standard output."""
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))
