"""Files that say what the vectors of an index are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vicinal.cli.db.sources import open_records
from vicinal.errors import CorruptionError, FileMissingError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from vicinal import Index

#: What the values of a .npy file are called as a field.
LABEL = "label"


def read_labels(
    path: Path | None, id_field: str | None = None, color: str | None = None
) -> dict[str, Any]:
    """Labels, payloads and color, as `Index.map` takes them.

    Parameters
    ----------
    path : Path, optional
        A .npy file of one value for each vector, or a file of records, as `vicinal db load` reads.
    id_field : str, optional
        The field that has the id of the vector; without, rows are in the order of the index.
    color : str, optional
        A field.
    """
    if path is None:
        if color is not None or id_field is not None:
            raise InvalidInputError(
                "--color and --id-field are about fields of --labels; give a file"
            )
        return {}
    if path.suffix == ".npy":
        return _of_values(path, id_field, color)
    rows = [row for piece in open_records(path).pieces() for row in _rows(piece)]
    if id_field is None:
        return {"payloads": rows, "color": color}
    by_id: dict[int, Any] = {}
    for place, row in enumerate(rows):
        number = row.pop(id_field, None)
        if type(number) is not int:
            raise InvalidInputError(
                f"{path}: row {place:,} has no integer in {id_field!r} for the id of its vector"
            )
        if number in by_id:
            raise InvalidInputError(f"{path}: row {place:,} repeats the id {number}; keep one")
        by_id[number] = row
    return {"payloads": by_id, "color": color}


def labels_of(index: Index, known: dict[str, Any], ids: Iterable[int]) -> dict[int, str]:
    """What is known of some vectors, those that there are.

    Parameters
    ----------
    known : dict
        What `read_labels` read.
    """
    import numpy as np

    from vicinal.map.given import Given
    from vicinal.map.place import Places

    given = Given(known.get("labels"), known.get("payloads"), None)
    every = index.ids()
    given.check(every)
    places = Places(every).of(np.array(sorted(set(ids)), np.int64))
    places = places[places >= 0]
    texts = given.of(every, places).texts or []
    return {int(every[place]): text for place, text in zip(places, texts, strict=True) if text}


def _of_values(path: Path, id_field: str | None, color: str | None) -> dict[str, Any]:
    import numpy as np

    if id_field is not None:
        raise InvalidInputError(f"--id-field {id_field}: {path} has no fields; leave it out")
    if not path.exists():
        raise FileMissingError(f"{path}: no such file; check the name", filename=str(path))
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise CorruptionError(
            f"{path}: can't be read as an array of numbers or strings: {error}"
        ) from error
    if values.ndim != 1 or values.dtype.names is not None:
        raise InvalidInputError(
            f"{path}: labels are an array of one dimension, a value for each vector, not of the "
            f"shape {values.shape} and dtype {values.dtype}"
        )
    if color not in (None, LABEL):
        raise InvalidInputError(f"--color {color}: {path} has one value each; write --color label")
    return {"labels": values, "color": None if color is None else values}


def _rows(piece: Any) -> Iterator[dict[str, Any]]:
    """The rows of a piece of a file as dicts, without what are vectors in a table."""
    if isinstance(piece, list):
        yield from piece
        return
    import pyarrow as pa

    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    plain = [
        field.name for field in piece.schema if not any(is_one(field.type) for is_one in lists)
    ]
    yield from piece.select(plain).to_pylist()
