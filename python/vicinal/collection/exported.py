"""Records as record batches that come back as they were, and reading those back.

A column has the ids, one each vector (null where a record has none) and one the payload as JSON
text, just as it is stored. Ids that are not all text or all integers are text, with a column that
says what each was. The schema's metadata names the columns, so that files may be told from others.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.arrays import STORED, from_stored, row_width
from vicinal.errors import FormatError, MissingExtraError
from vicinal.records.rows import to_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import apsw
    from numpy.typing import NDArray

    from vicinal.collection.shelf import Shelf
    from vicinal.records.catalog import VectorSpec
    from vicinal.records.rows import Row
    from vicinal.records.store import Store
    from vicinal.records.table import Table

#: Records of a batch.
PIECE = 10_000

#: The key of the schema's metadata, and the version of what it says.
KEY = b"vicinal"
VERSION = 1

#: What the column of kinds says of an id.
MAKE = {"str": str, "int": int, "uuid": uuid.UUID}


@dataclass(frozen=True, slots=True)
class Layout:
    """Names of the columns that are no vectors.

    Attributes
    ----------
    id, payload : str
    kind : str or None
        Of the column that says what each id was; None where there is none.
    version : int
    """

    id: str
    payload: str
    kind: str | None
    version: int = VERSION


def layout_of(schema: Any) -> Layout | None:
    """What the metadata of a schema says; None where it is no export."""
    said = (schema.metadata or {}).get(KEY)
    if said is None:
        return None
    found = json.loads(said)
    if found.get("version") != VERSION:
        raise FormatError(
            f"an export of format {found.get('version')}; this Vicinal reads {VERSION}: install a "
            "newer one"
        )
    return Layout(**found)


def ids_of(layout: Layout, piece: Any) -> list[Any]:
    """The ids of a piece of an export."""
    ids: list[Any] = piece.column(layout.id).to_pylist()
    if layout.kind is None:
        return ids
    kinds = piece.column(layout.kind).to_pylist()
    return [MAKE[kind](name) for kind, name in zip(kinds, ids, strict=True)]


def payloads_of(layout: Layout, piece: Any) -> list[Any]:
    """The payloads of a piece of an export."""
    texts = piece.column(layout.payload).to_pylist()
    return [None if text is None else json.loads(text) for text in texts]


class Exporter:
    """Makes batches of one state of a collection.

    Parameters
    ----------
    store, table, shelf
        Those of the collection.
    specs : dict of str to VectorSpec
        Its vectors.
    """

    def __init__(
        self, store: Store, table: Table, shelf: Shelf, specs: dict[str, VectorSpec]
    ) -> None:
        self._store = store
        self._table = table
        self._shelf = shelf
        self._specs = specs

    def reader(self, where: str, bound: Sequence[Any]) -> Any:
        """A reader of the batches, of the records that a condition over ``r`` holds for."""
        try:
            import pyarrow as pa
        except ImportError as error:
            raise MissingExtraError(
                "exports need pyarrow: pip install 'vicinal[formats]'"
            ) from error
        # The first thing that comes is the schema, which only a look at the ids can tell.
        parts = self._parts(where, bound)
        return pa.RecordBatchReader.from_batches(next(parts), parts)

    def _parts(self, where: str, bound: Sequence[Any]) -> Iterator[Any]:
        import pyarrow as pa

        with self._store.reading() as connection:
            schema, layout, kinds = self._schema(connection)
            yield schema
            after = 0
            while page := self._table.page(connection, after, PIECE, where, bound):
                rows = [self._shelf.whole(slot, row) for slot, row in page]
                after = page[-1][0]
                columns: dict[str, Any] = {layout.id: _ids(rows, kinds)}
                if layout.kind is not None:
                    columns[layout.kind] = [_kind(row) for row in rows]
                for name in self._specs:
                    columns[name] = self._vectors(connection, name, rows)
                columns[layout.payload] = [row.payload for row in rows]
                yield pa.record_batch(columns, schema)

    def _schema(self, connection: apsw.Connection) -> tuple[Any, Layout, set[str]]:
        import pyarrow as pa

        kinds = self._table.kinds(connection)
        names = list(self._specs)
        plain = kinds in ({"text"}, {"integer"}, set())
        layout = Layout(
            _free("id", names), _free("payload", names), None if plain else _free("kind", names)
        )
        fields = [(layout.id, pa.int64() if kinds == {"integer"} else pa.string())]
        if layout.kind is not None:
            fields.append((layout.kind, pa.string()))
        for name, spec in self._specs.items():
            kind = pa.from_numpy_dtype(_values(np.empty((0, _width(spec)), np.uint8), spec).dtype)
            fields.append((name, pa.list_(kind, row_width(spec.dim, spec.dtype))))
        fields.append((layout.payload, pa.string()))
        metadata = {KEY: json.dumps(asdict(layout)).encode()}
        return pa.schema(fields, metadata), layout, kinds

    def _vectors(self, connection: apsw.Connection, name: str, rows: list[Row]) -> Any:
        """A column of lists, null where a record has no vector of the name."""
        import pyarrow as pa

        spec = self._specs[name]
        slots = np.array([row.slot for row in rows], np.int64)
        found, plain, damaged = self._table.vectors(connection, name, slots.tolist(), _width(spec))
        if damaged:
            row = next(row for row in rows if row.slot == damaged[0])
            raise self._shelf.damaged_vector(name, row)
        all_of_them = np.zeros((len(slots), _width(spec)), np.uint8)
        missing = ~np.isin(slots, found)
        all_of_them[~missing] = plain  # both rise
        values = _values(all_of_them, spec)
        return pa.FixedSizeListArray.from_arrays(
            pa.array(values.ravel()), values.shape[1], mask=pa.array(missing)
        )


def _values(plain: NDArray[np.uint8], spec: VectorSpec) -> NDArray[Any]:
    return from_stored(plain, spec.dim, spec.dtype)


def _width(spec: VectorSpec) -> int:
    return row_width(spec.dim, spec.dtype) * STORED[spec.dtype].itemsize


def _free(name: str, taken: Iterable[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _kind(row: Row) -> str:
    return type(to_id(row.key)).__name__.lower()


def _ids(rows: list[Row], kinds: set[str]) -> list[Any]:
    ids = [to_id(row.key) for row in rows]
    return ids if kinds == {"integer"} else [str(name) for name in ids]
