"""The command ``vicinal``: build, search and judge indexes of one's own vectors, from a shell.

`main` is the entry point, `app` the typer application (for documentation and completion). Both load
typer and rich only when asked for: without the extra ``cli`` the command says what is missing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Its arguments; those of the process by default.

    Returns
    -------
    int
        The exit status; `vicinal.cli.outcome.Status` says what each means.
    """
    try:
        from vicinal.cli.program import run
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        print(
            "vicinal: the command line needs typer and rich: pip install 'vicinal[cli]'",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:  # while it was still loading
        return 130
    return run(argv)


def __getattr__(name: str) -> Any:
    if name == "app":
        from vicinal.cli.program import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
