"""``vicinal db create``: a new collection."""

from typing import Annotated, Any

import typer

from vicinal.cli.db.options import CollectionName, DatabaseFolder
from vicinal.cli.options import Json
from vicinal.cli.outcome import print_json
from vicinal.errors import InvalidInputError

EXAMPLES = """\b
Examples:
  vicinal db create shop.db docs --dim 384
  vicinal db create shop.db docs --dim 384 --text body --field year:number --field cat:keyword
"""


def create(
    database: DatabaseFolder,
    collection: CollectionName,
    dim: Annotated[
        int | None,
        typer.Option(metavar="N", help="Components of a vector; without it, no vectors."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="cosine (by default), l2, sqeuclidean, ip; hamming or jaccard of bits.",
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How vectors are stored: f32 (by default), f16, bf16, i8, u8, bits.",
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD", help="A field whose text is searched; may be repeated."),
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="unicode61 (words, by default), porter (English words by their stem), trigram "
            "(substrings).",
        ),
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD:KIND",
            help="A field that filters ask for: keyword, number, bool, datetime or geo; may be "
            "repeated. If there is one, filters can name no others.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Make a collection, and the database if there is none."""
    import vicinal

    fields = {}
    for said in field or ():
        name, colon, kind = said.rpartition(":")
        if not colon:
            raise InvalidInputError(f"--field {said}: write FIELD:KIND, as in year:number")
        fields[name] = kind
    without_vectors = dim is None and metric is None and dtype is None
    with vicinal.open(database) as db:
        if collection in db:
            raise InvalidInputError(f"{database}: there is a collection {collection!r} already")
        made = db.collection(
            collection,
            dim=dim,
            metric=metric,
            dtype=dtype,
            vectors={} if without_vectors else None,
            text=text or None,
            tokenizer=tokenizer,
            fields=fields or None,
            if_missing="create",
        )
        spec = made.spec
    facts: dict[str, Any] = {
        "command": "db create",
        "database": str(database),
        "collection": collection,
        "vectors": {
            name: {"dim": v.dim, "metric": v.metric, "dtype": v.dtype}
            for name, v in spec.vectors.items()
        },
        **spec.options,
    }
    if json:
        print_json(facts)
        return
    print(f"{database}: {made!r}")
