"""How a collection is declared: what was said, checked, completed and compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vicinal import checks
from vicinal.arrays import MAX_DIM, STORED
from vicinal.collection.words import Words, text_index
from vicinal.errors import InvalidInputError, InvalidTypeError
from vicinal.index import LAYOUTS, Index
from vicinal.records import catalog
from vicinal.records.catalog import CollectionSpec, VectorSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import apsw

    from vicinal.records.catalog import Entry

#: What names of collections and vectors look like.
NAME = re.compile(r"\w[\w .-]{0,126}\w|\w")

METRICS = ("l2", "sqeuclidean", "cosine", "ip", "hamming", "jaccard")

#: What may be said of a vector, and how it is checked.
WORDS: dict[str, Callable[[Any], Any]] = {
    "dim": lambda value: checks.integer("dim", value, 1, MAX_DIM),
    "metric": lambda value: checks.choice("metric", value, METRICS),
    "dtype": lambda value: checks.choice("dtype", value, STORED),
    "M": lambda value: checks.integer("M", value, 2, 512),
    "ef_construction": lambda value: checks.integer("ef_construction", value, 1, 100_000),
    "layout": lambda value: checks.choice("layout", value, LAYOUTS),
}


def checked_name(what: str, name: str) -> str:
    """A name that messages and shells can show."""
    if not NAME.fullmatch(checks.text(f"the name of a {what}", name)):
        raise InvalidInputError(
            f"{name[:130]!r} can't name a {what}: letters, digits and _, between them also "
            "spaces, dots and hyphens, up to 128"
        )
    return name


def asked_vectors(
    dim: int | None,
    metric: str | None,
    dtype: str | None,
    vectors: Mapping[str, Mapping[str, Any]] | None,
) -> dict[str, dict[str, Any]] | None:
    """What was said of the vectors, checked; None if nothing was."""
    single = {
        key: value
        for key, value in (("dim", dim), ("metric", metric), ("dtype", dtype))
        if value is not None
    }
    if vectors is None:
        return {"vector": checked_vector("vector", single)} if single else None
    if single:
        raise InvalidInputError("give either vectors=, or dim=, metric= and dtype=, not both")
    if not hasattr(vectors, "items"):
        raise InvalidTypeError(f"vectors must be a dict of dicts, not {checks.described(vectors)}")
    return {
        checked_name("vector", name): checked_vector(name, said) for name, said in vectors.items()
    }


def checked_vector(name: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said of one vector, checked."""
    if not hasattr(said, "items"):
        raise InvalidTypeError(f"vectors: {name!r} must be a dict, not {checks.described(said)}")
    for key in said:
        if key not in WORDS:
            raise InvalidInputError(f"vectors: {name!r} has {key!r}; known are {', '.join(WORDS)}")
    return {key: WORDS[key](value) for key, value in said.items()}


def complete(
    asked: dict[str, dict[str, Any]] | None,
    text: dict[str, Any] | None,
    fields: dict[str, Any] | None,
    embedder: dict[str, Any] | None,
) -> CollectionSpec:
    """The declaration of a new collection: what was said, and defaults."""
    specs: dict[str, VectorSpec] = {}
    for name, said in ({} if asked is None else asked).items():
        if "dim" not in said:
            raise InvalidInputError(f"give dim=, the number of components of {name!r}")
        bits = said.get("metric") in ("hamming", "jaccard")
        defaults = {"metric": "cosine", "dtype": "bits" if bits else "f32"}
        spec = specs[name] = VectorSpec(**{**defaults, **said})
        Index(spec.dim, spec.metric, spec.dtype)  # which refuses what does not go together
    if asked is None:
        raise InvalidInputError(
            "a new collection needs dim=, or vectors= for several; vectors={} for none"
        )
    options: dict[str, Any] = {}
    if text and text["fields"]:
        options["text"] = text
    if fields:
        options["fields"] = fields
    if embedder:
        if [spec.dim for spec in specs.values()] != [embedder["dim"]]:
            raise InvalidInputError(
                f"the embedder {embedder['name']!r} has {embedder['dim']} components; it goes with "
                "a collection of one vector of as many"
            )
        options["embedder"] = embedder
    return CollectionSpec(specs, options)


def asked_text(fields: Any, tokenizer: Any) -> dict[str, Any] | None:
    """What was said of text, checked; None if nothing was."""
    if fields is None:
        if tokenizer is not None:
            raise InvalidInputError("tokenizer= is of text: give text=['field', …] too")
        return None
    kind = checks.text("tokenizer", "unicode61" if tokenizer is None else tokenizer)
    if isinstance(fields, str):
        raise InvalidTypeError(f"text must be a list of fields, not {fields!r}; write [{fields!r}]")
    declared = {"fields": list(fields), "tokenizer": {"kind": kind}}
    if declared["fields"]:
        text_index("text_0", "records_0", declared)  # which refuses what can't be indexed
    return declared


def asked_fields(fields: Any) -> dict[str, Any] | None:
    """What was said of fields of payloads, checked; None if nothing was."""
    if fields is None:
        return None
    if not hasattr(fields, "items"):
        raise InvalidTypeError(
            f"fields must be a dict of kinds by name, not {checks.described(fields)}"
        )
    from vicinal.filters.bitmaps import PayloadIndex  # only here, for it needs an extra

    PayloadIndex(fields)  # which refuses what can't be declared
    return dict(fields)


def create(connection: apsw.Connection, name: str, spec: CollectionSpec) -> Entry:
    """Make a collection with all its tables."""
    entry = catalog.create(connection, name, spec)
    Words(entry).create(connection)
    return entry


def drop(connection: apsw.Connection, entry: Entry) -> None:
    """Remove a collection with all its tables."""
    Words(entry).drop(connection)
    catalog.drop(connection, entry)


def refuse_other_options(
    entry: Entry, asked: dict[str, Any] | None, fields: dict[str, Any] | None
) -> None:
    """Refuse a collection whose text or fields are not indexed as was asked for."""
    declared = entry.spec.options.get("fields", {})
    if fields is not None and fields != declared:
        raise InvalidInputError(
            f"collection {entry.name!r} has the declared fields {declared or 'none'}, and can't be "
            "given others; leave fields= out"
        )
    has = entry.spec.options.get("text") or {"fields": []}
    if asked is not None and (asked["fields"] or has["fields"]) and asked != has:
        raise InvalidInputError(
            f"collection {entry.name!r} has an index of the text of "
            f"{', '.join(has['fields']) or 'nothing'}, and can't be given another; leave text= out"
        )


def refuse_other(entry: Entry, asked: dict[str, dict[str, Any]] | None) -> None:
    """Refuse a collection that is not what was asked for."""
    if asked is None:
        return
    if asked.keys() != entry.vectors.keys():
        raise InvalidInputError(
            f"collection {entry.name!r} has the vectors {', '.join(entry.vectors) or 'none'}, not "
            f"{', '.join(asked) or 'none'}"
        )
    for name, said in asked.items():
        for key, value in said.items():
            if (has := getattr(entry.spec.vectors[name], key)) != value:
                raise InvalidInputError(
                    f"collection {entry.name!r}: {name!r} has {key}={has!r}, not {value!r}; leave "
                    "it out, or give the collection another name"
                )
