"""Files that are written whole or not at all."""

from __future__ import annotations

import itertools
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vicinal import checks
from vicinal.errors import FileMissingError, InvalidInputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

if sys.platform == "darwin":
    import fcntl

_NUMBERS = itertools.count()


def target(path: str | os.PathLike[str], endings: Iterable[str] = ()) -> Path:
    """Where a file is to be written, if its folder is there and its ending is one of these.

    Parameters
    ----------
    path : str or Path
    endings : iterable of str
        With the point, in small letters; any will do if there are none.

    Raises
    ------
    InvalidInputError
        A folder, something in what is a file, or another ending.
    FileMissingError
        No such folder to write to.
    """
    wanted, known = Path(checks.path(path)), tuple(endings)
    # Of names that no system takes, os.path says that there is nothing, and pathlib raises.
    if os.path.isdir(wanted):  # noqa: PTH112
        raise InvalidInputError(f"{wanted}: is a folder; name a file")
    if known and wanted.suffix.lower() not in known:
        raise InvalidInputError(f"{wanted}: the ending must be one of {', '.join(known)}")
    folder_of(wanted)
    return wanted


def folder_of(path: Path) -> Path:
    """The folder that a file is to be written to, if it is there."""
    folder = path.parent
    if os.path.isdir(folder):  # noqa: PTH112
        return folder
    if os.path.exists(folder):  # noqa: PTH110
        raise InvalidInputError(f"{folder}: is a file, not a folder; no file can be in it")
    raise FileMissingError(f"{folder}: no such folder; make it first")


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Write a file whole or not at all.

    The block writes to the path it is given; if it ends well that file takes `path`'s place.
    """
    # A name of its own for every thread and call, and no longer than that of the file.
    part = path.with_name(f".{os.getpid()}-{next(_NUMBERS)}{path.suffix}")
    try:
        part.open("xb").close()
        yield part
        sync(part)
        part.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path}: can't be written: {error.strerror or error}", error.errno, str(path)
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make what is in a file durable."""
    with path.open("rb+") as file:  # Windows does it for those alone who may write
        _sync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    if sys.platform == "win32":  # there a folder can't be opened, and names come with the file
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        _sync(handle)
    finally:
        os.close(handle)


def _sync(handle: int) -> None:
    if sys.platform == "darwin":  # where fsync stops at the disk's own memory
        try:
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
        except OSError:  # a file system that has no such thing, as some of networks
            os.fsync(handle)
    else:
        os.fsync(handle)
