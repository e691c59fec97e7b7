"""Output files: never overwritten unasked, and refused before the work begins."""

from __future__ import annotations

import math
import shutil
import tempfile
from typing import TYPE_CHECKING

from vicinal.errors import InvalidInputError, StorageError
from vicinal.outputs import folder_of

if TYPE_CHECKING:
    from pathlib import Path


def check_output(path: Path, force: bool, at_least: int = 0) -> None:
    """Refuse an output that can't be written, while nothing has been done for it yet.

    Parameters
    ----------
    path : Path
        The file to come.
    force : bool
        Whether it may replace another.
    at_least : int
        Bytes that it will have at the very least.
    """
    if path.is_dir():
        raise InvalidInputError(f"{path}: is a folder; name a file")
    if path.exists() and not path.is_file():
        raise InvalidInputError(f"{path}: is a device or pipe; name an ordinary file")
    if path.exists() and not force:
        raise InvalidInputError(f"{path}: exists already; --force replaces it")
    folder = folder_of(path)
    try:
        # What permissions, quotas and read-only systems really allow, only an attempt tells.
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise StorageError(
            f"{folder}: can't be written to: {error.strerror or error}", error.errno, str(folder)
        ) from error
    if free < at_least:
        raise StorageError(
            f"{folder}: {size(free)} are free, but {path.name} needs {size(at_least)} and more"
        )


def check_plot(path: Path | None, theme: str, force: bool) -> None:
    """Refuse a plot that can't be drawn or written, while nothing has been done for it yet."""
    if path is None:
        return
    import vicinal.plots

    vicinal.plots.check(path, theme)
    check_output(path, force)


def size(count: float) -> str:
    """Say a number of bytes as a person would.

    >>> size(1_536_000)
    '1.5 MB'
    """
    if count < 1000:
        return f"{count:.0f} bytes"
    power = min(int(math.log(count, 1000)), 4)
    amount = count / 1000**power
    return f"{amount:.{0 if amount >= 100 else 1}f} {' kMGT'[power]}B"
