"""Copies of a database that are whole, whatever goes on in it meanwhile."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from vicinal import checks, outputs
from vicinal.errors import FileMissingError, InvalidInputError, StorageError
from vicinal.records import connect, manifest
from vicinal.records.failures import failure

if TYPE_CHECKING:
    from vicinal.records.store import Store


def copy(store: Store, path: str | os.PathLike[str], derived: str) -> Path:
    """Write one state of a database to a new folder, which is complete or not there at all.

    Parameters
    ----------
    store : Store
    path : str or Path
        A name that is free.
    derived : str
        The folder for derived files, within the database's. They are taken along where they are
        those of the state that is copied; they can be made again.
    """
    target = Path(checks.path(path))
    try:
        taken = target.exists()
    except OSError as error:
        raise StorageError(
            f"{target}: can't be made ({error.strerror}); give another name",
            error.errno,
            str(target),
        ) from error
    if taken:
        raise InvalidInputError(f"{target} is there already; give a new name, or remove it first")
    if target.absolute().parent.resolve().is_relative_to(store.folder):
        raise InvalidInputError(
            f"{target} lies within the database itself, whose folder is its own; give a name "
            "outside of it"
        )
    if not target.absolute().parent.is_dir():
        raise FileMissingError(
            f"{target}: the folder {target.parent} does not exist; make it first",
            filename=str(target),
        )
    parts = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
    try:
        parts.mkdir()
        store.copy_to(parts / connect.FILE)
        _take_along(store.folder / derived, parts / derived, parts / connect.FILE)
        for folder, _, files in os.walk(parts):
            for name in files:
                outputs.sync(Path(folder) / name)
            outputs.sync_folder(Path(folder))
        parts.rename(target)
        outputs.sync_folder(target.absolute().parent)
    except apsw.Error as error:
        raise failure(error, str(target)) from error
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"{target}: the copy failed ({error.strerror}); nothing is left of it",
            error.errno,
            str(target),
        ) from error
    finally:
        shutil.rmtree(parts, ignore_errors=True)
    return target


def _take_along(source: Path, target: Path, file: Path) -> None:
    """Copy the derived files that a copied database names; unname those that went meanwhile."""
    connection = apsw.Connection(str(file))
    with contextlib.closing(connection), connection:
        for vectors, name in manifest.named(connection):
            target.mkdir(exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(source / name, target / name)
            if not (target / name).exists():
                manifest.withdraw(connection, vectors)
