"""``vicinal db load``: files of records become records."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vicinal.cli.db.options import CollectionName, DatabaseFolder, must_exist
from vicinal.cli.options import Json
from vicinal.cli.outcome import Status, print_json, say
from vicinal.cli.progress import bar
from vicinal.errors import InvalidInputError, VicinalError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal import Collection, Database

EXAMPLES = """\b
Examples:
  vicinal db load shop.db docs passages.jsonl.gz --vectors passages.npy
  vicinal db load shop.db docs rows.csv --id-field sku --vectors rows.npy
  vicinal db load shop.db docs export.parquet
"""


def load(
    database: DatabaseFolder,
    collection: CollectionName,
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="Records: .parquet, .jsonl, .jsonl.gz or .csv."),
    ],
    vectors: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Vectors in a file of their own (.npy or any that `vicinal build` reads), one for "
            "each record; NAME=FILE, repeated, where the collection has several.",
        ),
    ] = None,
    id_field: Annotated[
        str, typer.Option(metavar="NAME", help="The field or column with the ids.")
    ] = "id",
    number: Annotated[
        bool, typer.Option("--number", help="Number the records from 0 instead of reading ids.")
    ] = False,
    json: Json = False,
) -> None:
    """Write records of a file into a collection that `vicinal db create` made.

    Fields named like the collection's vectors are vectors, one is the id, and all others are the
    payload; what `vicinal db export` wrote comes back as it was. Of .csv files, columns that look
    like numbers or dates become such. A record whose id is there already takes the place of the old
    one, so that a load that was stopped can be run again.

    Every 20,000 records are written together. If the load is stopped, by Ctrl-C or by a bad row,
    those before stay, and the message says how many they are.
    """
    import vicinal

    must_exist(database)
    began = time.perf_counter()
    with vicinal.open(database) as db:
        written = _load(db, db.collection(collection), data, vectors or [], id_field, number)
    seconds = time.perf_counter() - began
    facts: dict[str, Any] = {
        "command": "db load",
        "database": str(database),
        "collection": collection,
        "data": str(data),
        "records": written,
        "seconds": round(seconds, 3),
        "records_per_second": round(written / max(seconds, 1e-9), 1),
    }
    if json:
        print_json(facts)
        return
    print(
        f"{database}: {written:,} records written to {collection!r} in {seconds:,.1f} s "
        f"({facts['records_per_second']:,.0f}/s)"
    )


def _load(
    db: "Database", docs: "Collection", data: Path, beside: list[str], id_field: str, number: bool
) -> int:
    from vicinal.cli.db.sources import open_beside, open_records

    source = open_records(data)
    rows = source.count()
    given = open_beside(beside, list(docs.spec.vectors), rows, data)
    done = 0
    with bar("loading", rows) as show:
        try:
            for piece in source.pieces():
                part = {name: array[done : done + len(piece)] for name, array in given.items()}
                with db.transaction():
                    _write(docs, piece, done if number else None, id_field, part)
                done += len(piece)
                show(done)
        except VicinalError as error:
            told = f"{data}: {error}"
            if done:
                told += f" (counted from row {done:,}; the records before are written and stay)"
            error.args = (told, *error.args[1:])
            raise
        except KeyboardInterrupt:
            say(f"interrupted; {done:,} records are written and stay")
            raise typer.Exit(Status.INTERRUPTED) from None
    return done


def _write(
    docs: "Collection",
    piece: Any,
    number: int | None,
    id_field: str,
    vectors: "dict[str, NDArray[Any]]",
) -> None:
    from vicinal.cli.db.sources import split, with_columns

    names = list(docs.spec.vectors)
    if isinstance(piece, list):
        for ids, found, payloads in split(piece, number, id_field, names, vectors):
            if names and not found:
                raise InvalidInputError(_missing(names))
            docs.upsert(ids, found, payloads)
        return
    table = with_columns(piece, number, id_field, vectors)
    if names and not any(name in table.column_names for name in names):
        raise InvalidInputError(_missing(names))
    docs.upsert(table)


def _missing(names: list[str]) -> str:
    return (
        f"has no vectors: this collection has {', '.join(names)}; give --vectors FILE, or fields "
        "or columns of those names"
    )
