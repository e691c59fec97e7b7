"""What a collection is made of, in figures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vicinal.collection.answers import CollectionStats, GraphStats
from vicinal.records import manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    import apsw

    from vicinal.collection.effort import Effort
    from vicinal.collection.space import Space
    from vicinal.collection.states import States
    from vicinal.collection.view import View
    from vicinal.records.table import Table


def collection_stats(
    states: States, efforts: Mapping[str, Effort], table: Table, *, deep: bool
) -> CollectionStats:
    """The figures of a collection; see `Collection.stats`."""

    def look(connection: apsw.Connection) -> CollectionStats | None:
        graphs = {}
        for name, space in states.spaces.items():
            with states.state(connection, space, None) as state:
                if state is None:
                    return None
                graphs[name] = _graph_stats(connection, space, efforts[name], state[0], deep=deep)
        mine = f"(tbl_name = '{table.records}' OR {_text(table)})"
        kept = _pages(connection, mine) if deep else {}
        return CollectionStats(table.count(connection), graphs, kept)

    return states.answered(look)


def _graph_stats(
    connection: apsw.Connection, space: Space, effort: Effort, view: View, *, deep: bool
) -> GraphStats:
    """The figures of the vectors of a name, as a view has them."""
    index, found = view.index, manifest.derived(connection, space.number)
    parts = {"rows": view.rows.nbytes}
    age = None
    if found is not None:
        try:
            file = (space.folder / found.file).stat()
            parts["file"], age = file.st_size, max(0.0, time.time() - file.st_mtime)
        except OSError:  # gone: the next view does without it
            found = None
    unsaved = view.slot + view.seq - (found.slot + found.seq if found else 0)
    reachable = None
    if deep:
        parts |= _pages(connection, f"tbl_name = 'vectors_{space.number}'")
        if index is not None:
            parts |= {f"memory: {part}": held for part, held in index.stats().bytes.items()}
            reachable = 1.0 - len(index.verify().unreachable) / max(1, len(index))
    return GraphStats(
        vectors=0 if index is None else len(index),
        rows=len(view.slots) - view.lost,
        retired=len(view.dead),
        unsaved=unsaved,
        unsaved_seconds=0.0 if not unsaved else age,
        recall=effort.usual(connection, view),
        reachable=reachable,
        bytes=parts,
    )


def _text(table: Table) -> str:
    return f"tbl_name GLOB 'text_{table.number}_*'"


def _pages(connection: apsw.Connection, where: str) -> dict[str, int]:
    """The bytes of tables and their indexes in the database's file."""
    names = [
        name
        for (name,) in connection.execute(
            f"SELECT name FROM sqlite_schema WHERE rootpage AND {where}"
        )
    ]
    command = "SELECT pgsize FROM dbstat WHERE aggregate = TRUE AND name = ?"
    return {name: int(connection.execute(command, (name,)).get) for name in names}
