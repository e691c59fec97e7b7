"""Options that commands about databases share, and how they show records."""

from __future__ import annotations

import contextlib
import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vicinal.errors import FileMissingError, InvalidInputError

if TYPE_CHECKING:
    from vicinal import Collection, Hits

DatabaseFolder = Annotated[Path, typer.Argument(metavar="DATABASE", help="The database's folder.")]
CollectionName = Annotated[
    str, typer.Argument(metavar="COLLECTION", help="The name of one of its collections.")
]
MaybeCollection = Annotated[
    str | None,
    typer.Argument(
        metavar="[COLLECTION]",
        help="One of its collections; all of them by default.",
        show_default=False,
    ),
]
Filter = Annotated[
    str | None,
    typer.Option(
        metavar="JSON",
        help="""Only records for whose payload this holds, as in '{"year": {"$gte": 2020}}'.""",
    ),
]
Using = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Which vectors, where the collection has several."),
]
Plan = Annotated[
    str,
    typer.Option(metavar="HOW", help="graph, scan, or auto: whichever is expected to cost less."),
]
Hitcount = Annotated[int, typer.Option("-k", min=1, metavar="N", help="How many records.")]


def must_exist(database: Path) -> None:
    """Refuse a folder that opening for writing would make."""
    if not database.is_dir():
        raise FileMissingError(
            f"{database}: no such database; `vicinal db create` makes one", filename=str(database)
        )


def read_filter(text: str | None) -> Any:
    """The filter of ``--filter``."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInputError(
            f'--filter is not JSON ({error}); write it like \'{{"year": {{"$gte": 2020}}}}\''
        ) from error


def named(docs: Collection, name: str) -> Any:
    """The id that a word stands for: the text itself unless only another reading is there."""
    readings: list[Any] = [name]
    for kind in (int, uuid.UUID):
        with contextlib.suppress(ValueError):
            readings.append(kind(name))
    return next((meant for meant in readings if meant in docs), name)


def hits_as_json(hits: Hits) -> list[dict[str, Any]]:
    """Hits as a JSON document has them: of an id that is a UUID, its text."""
    return [
        {
            "id": hit.id if isinstance(hit.id, int) else str(hit.id),
            "score": hit.score,
            "distance": hit.distance,
            "payload": hit.payload,
        }
        for hit in hits
    ]


def show(rank: int, name: object, score: float, rest: object) -> None:
    """Print one hit on a line."""
    told = rest if isinstance(rest, str) else json.dumps(rest, ensure_ascii=False)
    print(f"  {rank:>3}  {name!s:<16} {score:>8.4f}  {' '.join(told.split())[:160]}".rstrip())
