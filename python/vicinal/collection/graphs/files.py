"""Files of graphs: written, named by the database, and removed when it names them no more."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from vicinal.collection.space import GRAPHS
from vicinal.errors import VicinalError
from vicinal.records import manifest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vicinal.collection.space import Space
    from vicinal.collection.view import View
    from vicinal.index import Index
    from vicinal.records.store import Store

#: Notes of what was retired that are dropped in one transaction.
NOTES = 1000


def write(store: Store, space: Space, index: Index, view: View) -> None:
    """Write the graph of a view to a new file, name that, and remove the one before."""
    space.folder.mkdir(exist_ok=True)
    name = f"{space.number}-{secrets.token_hex(8)}.vicinal"
    index.save(space.folder / name)
    try:
        with store.writing() as connection:
            space.table.must_exist(connection)
            before = manifest.install(
                connection, space.number, name, view.covered, space.clean(view), len(index)
            )
            now = manifest.derived(connection, space.number)
    except VicinalError:
        remove(store, [name])
        raise
    assert now is not None, "it was just named"
    space.saved(now.generation)
    if before is not None:
        remove(store, [before])
    _forget_notes(store, space)


def _forget_notes(store: Store, space: Space) -> None:
    """Drop the notes that no graph needs any more, a few at a time: writers come in between."""
    dropped = NOTES
    while dropped == NOTES:
        with store.writing() as connection:
            space.table.must_exist(connection)
            seq = manifest.covered(connection, space.table.number)
            dropped = space.table.forget_retired(connection, seq, NOTES)


def remove(store: Store, names: Iterable[str]) -> None:
    """Remove files that the database does not name."""
    for name in names:
        # Windows keeps a file that is mapped; the next open has it.
        with contextlib.suppress(OSError):
            (store.folder / GRAPHS / name).unlink()


def sweep(store: Store) -> None:
    """Remove the files of graphs that the database does not name: a killed writer's, mostly."""
    folder = store.folder / GRAPHS
    with store.reading() as connection:
        named = {file for _, file in manifest.named(connection)}
    if folder.is_dir():
        remove(store, [file.name for file in folder.iterdir() if file.name not in named])
