"""A progress line on stderr, for ``progress=True``."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from vicinal.checks import described
from vicinal.errors import InvalidTypeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What ``progress=`` takes: nothing, the line below, or a function of (done, total).
Progress: TypeAlias = "bool | Callable[[int, int], object]"


class Line:
    """One line that is rewritten: rows done, rate and the time left.

    Writes nothing when stderr is not a terminal, so that logs stay readable.
    """

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.shown = False

    def __call__(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` rows are finished."""
        if sys.stderr is None or not sys.stderr.isatty():
            return
        rate = done / max(time.monotonic() - self.began, 1e-9)
        left = (total - done) / rate if rate else 0.0
        clock = f"{int(left) // 60}:{int(left) % 60:02d}"
        share = done / total if total else 1.0
        self.shown = True
        sys.stderr.write(
            f"\r{share:4.0%}  {done:,} of {total:,}  {rate:,.0f}/s  {clock} left \x1b[K"
        )
        sys.stderr.flush()

    def close(self) -> None:
        """End the line, so that what follows starts on its own."""
        if self.shown:
            sys.stderr.write("\n")


def reporter(progress: Any) -> Callable[[int, int], object] | None:
    """Make the callback that ``progress=`` stands for."""
    if progress is False or progress is None:
        return None
    if progress is True:
        return Line()
    if callable(progress):
        return progress  # type: ignore[no-any-return]
    raise InvalidTypeError(
        f"progress must be True, False or a function of (done, total), not {described(progress)}"
    )


@contextmanager
def reporting(progress: Any) -> Iterator[Callable[[int, int], object] | None]:
    """Make the callback of one call, and end its line when the call is over."""
    report = reporter(progress)
    try:
        yield report
    finally:
        if isinstance(report, Line):
            report.close()
