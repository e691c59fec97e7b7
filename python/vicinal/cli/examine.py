"""``vicinal info`` and ``vicinal verify``: what an index is, and whether it is whole."""

import time
from typing import Annotated, Any

import typer

from vicinal.cli.files import size
from vicinal.cli.options import IndexFile, Json
from vicinal.cli.outcome import FailedCheck, print_json
from vicinal.errors import CorruptionError

# Ids of unreachable vectors that are named to a person.
NAMED = 10


INFO_EXAMPLES = """\b
Example:
  vicinal info vectors.vicinal
"""


def info(index: IndexFile, json: Json = False) -> None:
    """Describe an index: its vectors, its knobs, its layers, its memory."""
    from vicinal import Index

    opened = Index.open(index, mmap=True)
    stats = opened.stats()
    facts: dict[str, Any] = {
        "command": "info",
        "index": str(index),
        "file_bytes": index.stat().st_size,
        "vectors": len(opened),
        "dim": opened.dim,
        "metric": opened.metric,
        "dtype": opened.dtype,
        "layout": opened.layout,
        "store": opened.store,
        "M": opened.M,
        "ef_construction": opened.ef_construction,
        "seed": opened.seed,
        "level_p": opened.level_p,
        "nodes_per_layer": [int(count) for count in stats.nodes_per_layer],
        "mean_degree_per_layer": [_mean(counts) for counts in stats.degree_histogram],
        "bytes": {part: int(count) for part, count in stats.bytes.items()},
        "bytes_per_vector": round(stats.bytes_per_vector, 1),
        "entry_point": stats.entry_point,
    }
    if json:
        print_json(facts)
        return
    layers = zip(facts["nodes_per_layer"], facts["mean_degree_per_layer"], strict=True)
    lines = {
        "vectors": f"{facts['vectors']:,} of {opened.dim:,} components",
        "metric": opened.metric,
        "stored as": opened.dtype
        if opened.store == opened.dtype
        else f"{opened.dtype}, kept as {opened.store}",
        "layout": opened.layout,
        "M": opened.M,
        "ef_construction": opened.ef_construction,
        "seed": opened.seed,
        "file": size(facts["file_bytes"]),
        "in memory": f"{facts['bytes_per_vector']:,.0f} bytes a vector: "
        + ", ".join(f"{part} {size(count)}" for part, count in facts["bytes"].items()),
        "entry point": facts["entry_point"],
    }
    print(index)
    for name, value in lines.items():
        print(f"  {name:<16} {value}")
    for layer, (nodes, degree) in enumerate(layers):
        print(f"  {f'layer {layer}':<16} {nodes:,} nodes of {degree:.1f} links each")


VERIFY_EXAMPLES = """\b
Example:
  vicinal verify vectors.vicinal
  vicinal verify vectors.vicinal --repair
"""


def verify(
    index: IndexFile,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be made anew, and write the file.")
    ] = False,
    json: Json = False,
) -> None:
    """Check an index: every byte against its checksum, every vector for a way that leads to it.

    Status 1 says that the file is damaged, or that a search could not arrive at some vector; status
    3 that it could not be read at all, or is no index. With --repair it says what nothing could be
    made from: vectors and ids are in the file alone.
    """
    from vicinal import Index

    began = time.perf_counter()
    facts: dict[str, Any] = {"command": "verify", "index": str(index)}
    try:
        if repair:
            opened, report = Index.salvage(index)
            if report.mended and report.ok:
                opened.save(index)
        else:
            opened = Index.open(index)
            report = opened.verify()
    except CorruptionError as error:
        facts |= {"ok": False, "damage": [str(error)]}
        unreachable: list[int] = []
    else:
        unreachable = report.unreachable.tolist()
        facts |= {
            "ok": report.ok,
            "damage": report.broken,
            "vectors": len(opened),
            "reachable": int(report.reachable),
            "unreachable": unreachable,
            "links": int(report.links),
            "one_way_links": int(report.one_way_links),
            "unreturned_links": int(report.unreturned_links),
            "duplicates": int(report.duplicates),
        }
        if repair:
            facts["mended"] = report.mended
    facts["seconds"] = round(time.perf_counter() - began, 3)

    if json:
        print_json(facts)
    elif facts["ok"]:
        for line in facts.get("mended", ()):
            print(f"{index}: {line}")
        print(
            f"{index}: whole; {facts['reachable']:,} of {facts['vectors']:,} vectors can be "
            f"reached over {facts['links']:,} links"
        )
    if not facts["ok"]:
        problems = list(facts["damage"])
        if unreachable:
            named = ", ".join(map(str, unreachable[:NAMED]))
            if len(unreachable) > NAMED:
                named += ", …"
            problems.append(f"{index}: {len(unreachable):,} vectors can't be reached: {named}")
        raise FailedCheck("; ".join(problems))


def _mean(histogram: Any) -> float:
    nodes = histogram.sum()
    links = sum(degree * int(count) for degree, count in enumerate(histogram))
    return round(links / int(nodes), 2) if nodes else 0.0
