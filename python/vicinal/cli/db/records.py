"""``vicinal db get`` and ``vicinal db export``: records as they are."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vicinal.cli.db.options import CollectionName, DatabaseFolder, Filter, named, read_filter
from vicinal.cli.files import check_output, size
from vicinal.cli.options import Force, Json
from vicinal.cli.outcome import print_json
from vicinal.cli.progress import bar
from vicinal.errors import InvalidInputError, MissingExtraError
from vicinal.outputs import atomic

if TYPE_CHECKING:
    from vicinal import Record

GET_EXAMPLES = """\b
Examples:
  vicinal db get shop.db docs doc-7
  vicinal db get shop.db docs 17 18 --vectors --json | jq '.records[0].payload'
"""


def get(
    database: DatabaseFolder,
    collection: CollectionName,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Of the records to show.")],
    vectors: Annotated[
        bool, typer.Option("--vectors", help="Show their vectors too; bits as packed bytes.")
    ] = False,
    json: Json = False,
) -> None:
    """Show records by id, each as JSON on a line.

    17 names the record "17", or where there is none, the one with the number 17; so with UUIDs.
    """
    import vicinal

    with vicinal.open(database, mode="r") as db:
        docs = db.collection(collection)
        records = docs.get([named(docs, name) for name in ids], vectors=vectors)
    told = [_as_json(record) for record in records]
    if json:
        print_json(
            {
                "command": "db get",
                "database": str(database),
                "collection": collection,
                "records": told,
            }
        )
        return
    for record in told:
        print(json_format.dumps(record, ensure_ascii=False))


def _as_json(record: "Record") -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": record.id if isinstance(record.id, int) else str(record.id),
        "payload": record.payload,
    }
    if record.vectors:
        told["vectors"] = {name: vector.tolist() for name, vector in record.vectors.items()}
    return told


EXPORT_EXAMPLES = """\b
Examples:
  vicinal db export shop.db docs docs.parquet
  vicinal db export shop.db docs recent.parquet --filter '{"year": {"$gte": 2020}}'
"""


def export(
    database: DatabaseFolder,
    collection: CollectionName,
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The .parquet file to write.")],
    filter: Filter = None,  # noqa: A002
    force: Force = False,
    json: Json = False,
) -> None:
    """Write records to a Parquet file, which `vicinal db load` takes back without any loss.

    They are all of one state, whatever others write meanwhile. The columns are the ids, the vectors
    by name, and the payload as JSON text.
    """
    import vicinal

    condition = read_filter(filter)
    if output.suffix != ".parquet":
        raise InvalidInputError(f"{output}: exports are .parquet files, name one")
    check_output(output, force)
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("exports need pyarrow: pip install 'vicinal[formats]'") from error
    written = 0
    with vicinal.open(database, mode="r") as db:
        docs = db.collection(collection)
        total = docs.count(filter=condition)
        reader = docs.export(filter=condition)
        with (
            atomic(output) as part,
            pq.ParquetWriter(part, reader.schema) as file,
            bar("exporting", total) as show,
        ):
            for batch in reader:
                file.write_batch(batch)
                written += batch.num_rows
                show(written)
    facts: dict[str, Any] = {
        "command": "db export",
        "database": str(database),
        "collection": collection,
        "output": str(output),
        "records": written,
        "file_bytes": output.stat().st_size,
    }
    if json:
        print_json(facts)
        return
    print(f"{output}: {written:,} records, {size(facts['file_bytes'])}")
