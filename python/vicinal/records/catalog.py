"""Which collections there are, and how each was declared."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from vicinal.errors import FormatError
from vicinal.records import calibrations, manifest, schema

if TYPE_CHECKING:
    import apsw


@dataclass(frozen=True, slots=True)
class VectorSpec:
    """How the vectors of one name are compared and kept.

    Attributes
    ----------
    dim : int
        Components.
    metric, dtype : str
        As in `vicinal.Index`.
    M, ef_construction : int
        Of the graph over them.
    layout : str
        Of the graph over them.
    """

    dim: int
    metric: str = "l2"
    dtype: str = "f32"
    M: int = 16
    ef_construction: int = 200
    layout: str = "auto"


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """How a collection was declared.

    Attributes
    ----------
    vectors : dict of str to VectorSpec
        By name; the only vector of a simple collection is called "vector".
    options : dict
        What the layers above keep here, as JSON: the fields for text search, for one.
    """

    vectors: dict[str, VectorSpec]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """A collection of the catalog.

    Attributes
    ----------
    number : int
        Of its tables.
    name : str
    spec : CollectionSpec
    vectors : dict of str to int
        Numbers of the tables of its vectors, by name.
    """

    number: int
    name: str
    spec: CollectionSpec
    vectors: dict[str, int]


def names(connection: apsw.Connection) -> list[str]:
    """The names of all collections, sorted."""
    return [name for (name,) in connection.execute("SELECT name FROM collections ORDER BY name")]


def find(connection: apsw.Connection, name: str) -> Entry | None:
    """The collection of a name, None where there is none."""
    row = connection.execute(
        "SELECT number, config FROM collections WHERE name = ?", (name,)
    ).fetchone()
    if row is None:
        return None
    number, options = row
    vectors, specs = {}, {}
    for v, vector, config in connection.execute(
        "SELECT number, name, config FROM vectors WHERE collection = ? ORDER BY number", (number,)
    ):
        vectors[vector], specs[vector] = v, _spec(name, json.loads(config))
    return Entry(number, name, CollectionSpec(specs, json.loads(options)), vectors)


def _spec(name: str, config: dict[str, Any]) -> VectorSpec:
    known = {one.name for one in fields(VectorSpec)}
    if unknown := sorted(config.keys() - known):
        raise FormatError(
            f"collection {name!r} has vectors declared with {', '.join(map(repr, unknown))}, which "
            "a newer Vicinal knows: pip install -U vicinal"
        )
    return VectorSpec(**config)


def create(connection: apsw.Connection, name: str, spec: CollectionSpec) -> Entry:
    """Make a collection and its tables."""
    number = connection.execute(
        "INSERT INTO collections(name, config) VALUES (?, ?) RETURNING number",
        (name, json.dumps(spec.options)),
    ).get
    connection.execute(schema.RECORDS.format(n=number) + schema.ID_INDEX.format(n=number))
    vectors = {}
    for vector, declared in spec.vectors.items():
        vectors[vector] = connection.execute(
            "INSERT INTO vectors(collection, name, config) VALUES (?, ?, ?) RETURNING number",
            (number, vector, json.dumps(asdict(declared))),
        ).get
        connection.execute(schema.VECTORS.format(v=vectors[vector]))
    return Entry(number, name, spec, vectors)


def drop(connection: apsw.Connection, entry: Entry) -> None:
    """Remove a collection and its tables."""
    for v in entry.vectors.values():
        manifest.withdraw(connection, v)
        calibrations.drop(connection, v)
        connection.execute(f"DROP TABLE vectors_{v}")
    connection.execute(f"DROP TABLE retired_{entry.number}; DROP TABLE records_{entry.number}")
    connection.execute("DELETE FROM vectors WHERE collection = ?", (entry.number,))
    connection.execute("DELETE FROM collections WHERE number = ?", (entry.number,))
