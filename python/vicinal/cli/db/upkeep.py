"""Copies, checks and figures of databases."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vicinal.cli.db.options import DatabaseFolder, MaybeCollection, must_exist
from vicinal.cli.files import size
from vicinal.cli.options import Json
from vicinal.cli.outcome import FailedCheck, print_json
from vicinal.cli.progress import bar, waiting

# Damaged records that are named to a person.
NAMED = 10

SNAPSHOT_EXAMPLES = """\b
Example:
  vicinal db snapshot shop.db backup.db
"""


def snapshot(
    database: DatabaseFolder,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="A folder that is not there.")],
    json: Json = False,
) -> None:
    """Copy a database to a new folder, while others read and write it.

    The copy is complete, or not there at all.
    """
    import vicinal

    with waiting("copying"), vicinal.open(database, mode="r") as db:
        made = db.snapshot(target)
    _copied("db snapshot", made, json)


RESTORE_EXAMPLES = """\b
Example:
  vicinal db restore backup.db shop.db
"""


def restore(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `snapshot` made.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="A folder that is not there.")],
    json: Json = False,
) -> None:
    """Make a database of a copy, which stays as it is."""
    import vicinal

    with waiting("copying"):
        made = vicinal.restore(backup, target)
    _copied("db restore", made, json)


def _copied(command: str, made: Path, json: bool) -> None:
    there = _bytes_of(made)
    if json:
        print_json({"command": command, "database": str(made), "file_bytes": there})
        return
    print(f"{made}: complete, {size(there)}")


VERIFY_EXAMPLES = """\b
Examples:
  vicinal db verify shop.db
  vicinal db verify shop.db --repair
"""


def verify(
    database: DatabaseFolder,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Remove the damaged records. Take a copy of the folder before."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Read all of a database, and check every record against its sum.

    Status 1 says that there is damage, also where it was just repaired.
    """
    import vicinal

    began = time.perf_counter()
    must_exist(database)
    with waiting("reading"), vicinal.open(database, mode="w" if repair else "r") as db:
        verdict = db.verify(repair=repair)
    named = [
        f"{damage.collection}: "
        + (f"record {damage.id!r}" if damage.id is not None else f"the one in slot {damage.slot}")
        + ("" if damage.part == "record" else f", its vector {damage.part!r}")
        for damage in verdict.damaged
    ]
    facts: dict[str, Any] = {
        "command": "db verify",
        "database": str(database),
        "ok": verdict.ok,
        "records": verdict.records,
        "damaged": [
            asdict(damage) | {"id": damage.id if isinstance(damage.id, int) else _text(damage.id)}
            for damage in verdict.damaged
        ],
        "file": verdict.file,
        "removed": verdict.removed,
        "seconds": round(time.perf_counter() - began, 3),
    }
    if json:
        print_json(facts)
    elif verdict.ok:
        print(f"{database}: whole; {verdict.records:,} records are what was written")
    if not verdict.ok:
        more = [f"and {len(named) - NAMED:,} more"] if len(named) > NAMED else []
        done = [f"{verdict.removed:,} records were removed"] if repair else []
        raise FailedCheck(
            f"{database}: damaged: " + "; ".join([*verdict.file, *named[:NAMED], *more, *done])
        )


def _text(name: object) -> str | None:
    return None if name is None else str(name)


STATS_EXAMPLES = """\b
Examples:
  vicinal db stats shop.db
  vicinal db stats shop.db docs --deep --json
"""


def stats(
    database: DatabaseFolder,
    collection: MaybeCollection = None,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Walk the graphs, and count the bytes of every part: reads all of it."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Describe collections: their records, and how far their graphs are behind."""
    import vicinal

    told: dict[str, Any] = {}
    with vicinal.open(database, mode="r") as db:
        for name in db.collections() if collection is None else [collection]:
            docs = db.collection(name)
            told[name] = {
                "declared": {
                    vector: f"{spec.dim} {spec.dtype} {spec.metric}"
                    for vector, spec in docs.spec.vectors.items()
                },
                **asdict(docs.stats(deep=deep)),
            }
    facts = {
        "command": "db stats",
        "database": str(database),
        "file_bytes": _bytes_of(database),
        "collections": told,
    }
    if json:
        print_json(facts)
        return
    print(f"{database}: {len(told):,} collections, {size(_bytes_of(database))}")
    for name, found in told.items():
        print(f"  {name}: {found['records']:,} records")
        for vector, graph in found["graphs"].items():
            print(
                f"    {vector} ({found['declared'][vector]}): {graph['vectors']:,} in the graph, "
                f"{graph['rows']:,} compared one by one, {graph['retired']:,} retired"
            )
            print(f"      {_saved(graph)}")
            if (known := graph["recall"]) is not None:
                print(
                    f"      recall of 10 by default: {known['value']:.4f} "
                    f"({known['low']:.4f} to {known['high']:.4f}), "
                    f"measured on {known['queries']:,} queries"
                )
            if graph["reachable"] is not None:
                print(f"      {graph['reachable']:.2%} of the graph is reached by a walk")
            _parts(graph["bytes"])
        _parts(found["bytes"])


def _saved(graph: dict[str, Any]) -> str:
    if not graph["unsaved"]:
        return "all of it is in the graph's file"
    age = graph["unsaved_seconds"]
    since = "no file yet" if age is None else f"the file is {age:,.0f} s old"
    return f"{graph['unsaved']:,} changes are not in the graph's file; {since}"


def _parts(parts: dict[str, int]) -> None:
    for part, held in parts.items():
        print(f"      {size(held):>10}  {part}")


COMPACT_EXAMPLES = """\b
Example:
  vicinal db compact shop.db
"""


def compact(
    database: DatabaseFolder, collection: MaybeCollection = None, json: Json = False
) -> None:
    """Bring graphs up to date and save them, and give free space back to the disk."""
    import vicinal

    must_exist(database)
    before = _bytes_of(database)
    with vicinal.open(database) as db:
        names = db.collections() if collection is None else [collection]
        with bar("compacting", len(names)) as show:
            for done, name in enumerate(names, 1):
                db.collection(name).compact()
                show(done)
    after = _bytes_of(database)
    if json:
        print_json(
            {
                "command": "db compact",
                "database": str(database),
                "collections": names,
                "bytes_before": before,
                "bytes_after": after,
            }
        )
        return
    print(
        f"{database}: {len(names):,} collections compacted, "
        f"{size(before)} before, {size(after)} now"
    )


def _bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
