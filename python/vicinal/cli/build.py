"""``vicinal build``: a file of vectors becomes an index."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vicinal.cli.files import check_output, size
from vicinal.cli.options import Force, Json, Threads
from vicinal.cli.outcome import print_json
from vicinal.cli.progress import bar
from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vicinal import Index
    from vicinal.datasets import VectorSource

# What is read of a file at a time where it can't be mapped.
BLOCK_BYTES = 1 << 28

DTYPES = {"float16": "f16", "uint8": "u8", "int8": "i8", "bool": "bits"}
BIT_METRICS = ("hamming", "jaccard")


EXAMPLES = """\b
Examples:
  vicinal build vectors.npy -o vectors.vicinal
  vicinal build docs.parquet --column embedding --ids-column id -o docs.vicinal
  vicinal build sift.hdf5 -o sift.vicinal --M 32 --ef-construction 400
"""


def build(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="A file of vectors, one a row.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="INDEX", help="The index to write.")
    ],
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="l2, sqeuclidean, cosine, ip; hamming or jaccard of bits. By default l2, of bits "
            "hamming.",
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How vectors are stored: f32, f16, bf16, i8, u8, bits (packed, 8 a byte). By "
            "default as in DATA.",
        ),
    ] = None,
    M: Annotated[
        int,
        typer.Option(
            "--M", metavar="N", help="Links of a node, twice as many on the lowest layer."
        ),
    ] = 16,
    ef_construction: Annotated[
        int,
        typer.Option(
            metavar="N", help="Candidates gathered for each vector: quality against time."
        ),
    ] = 200,
    layout: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="compact, fast (more queries a second, more memory), or auto (whichever measured "
            "faster for such vectors).",
        ),
    ] = "compact",
    store: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What is kept of f32 vectors: f32, f16 (rounded, less memory) or none (8 bits a "
            "component, least memory; distances are of what is kept). By default as given.",
        ),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The array (.npz), dataset (.hdf5) or column (.parquet, .arrow) that holds the "
            "vectors; by default train, vectors, embedding, or the only one.",
        ),
    ] = None,
    ids_column: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The one that holds their ids, whole numbers from 0; by default rows are counted.",
        ),
    ] = None,
    threads: Threads = 0,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the graph's levels.")] = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Build an index of a file of vectors.

    The index takes its place when it is complete; until then nothing is there, or what was there
    before. One thread and one seed make the same file every time.
    """
    from vicinal.datasets import open_vectors

    source = open_vectors(data, column)
    index = empty_index(
        source,
        metric,
        dtype,
        M=M,
        ef_construction=ef_construction,
        seed=seed,
        layout=layout,
        store=store,
    )
    ids = None if ids_column is None else source.column(ids_column)
    least = source.rows * _bytes_per_vector(index.dim, index.store)
    check_output(output, force, at_least=least)

    began = time.perf_counter()
    _fill(index, source, ids, threads)
    built = time.perf_counter()
    index.save(output)
    saved = time.perf_counter()

    facts: dict[str, Any] = {
        "command": "build",
        "index": str(output),
        "vectors": len(index),
        "dim": index.dim,
        "metric": index.metric,
        "dtype": index.dtype,
        "layout": index.layout,
        "store": index.store,
        "M": index.M,
        "ef_construction": index.ef_construction,
        "seed": index.seed,
        "threads": threads or os.cpu_count(),
        "build_seconds": round(built - began, 3),
        "save_seconds": round(saved - built, 3),
        "vectors_per_second": round(len(index) / max(built - began, 1e-9), 1),
        "file_bytes": output.stat().st_size,
    }
    if json:
        print_json(facts)
        return
    print(
        f"{output}: {facts['vectors']:,} vectors of {index.dim} components "
        f"({index.metric}, {index.dtype}), built in {facts['build_seconds']:,.1f} s "
        f"({facts['vectors_per_second']:,.0f}/s), {size(facts['file_bytes'])}, "
        f"{facts['file_bytes'] / len(index):,.0f} bytes a vector"
    )


def _fill(
    index: "Index", source: "VectorSource", ids: "NDArray[np.generic] | None", threads: int
) -> None:
    """Add all vectors: at once where the file can be mapped, else in large blocks."""
    whole = source.mapped()
    rows = max(1, BLOCK_BYTES // (source.dim * source.dtype.itemsize))
    blocks = source.blocks(rows) if whole is None else iter([whole])
    done = 0
    with bar("building", source.rows) as show:

        def report(added: int, _total: int) -> None:
            show(done + added)

        for block in blocks:
            named = None if ids is None else ids[done : done + len(block)]
            try:
                index.add(block, named, threads=threads, progress=report)
            except InvalidInputError as error:
                # The engine counts from the first row that it was given.
                where = f", counted from row {done:,}" if done else ""
                raise type(error)(f"{source.name}{where}: {error}") from error
            done += len(block)


def empty_index(
    source: "VectorSource", metric: str | None, dtype: str | None, **knobs: Any
) -> "Index":
    """Make an index that takes these vectors as they are, unless a metric or dtype says more."""
    from vicinal import Index

    dtype = dtype or _dtype_for(source, metric)
    metric = metric or ("hamming" if dtype == "bits" else "l2")
    packed = dtype == "bits" and source.dtype.kind != "b"
    return Index(source.dim * 8 if packed else source.dim, metric, dtype, **knobs)


def _dtype_for(source: "VectorSource", metric: str | None) -> str:
    if metric in BIT_METRICS:
        return "bits"
    return DTYPES.get(source.dtype.name, "f32")


def _bytes_per_vector(dim: int, store: str) -> int:
    return -(-dim // 8) if store == "bits" else dim * {"f32": 4, "f16": 2, "bf16": 2}.get(store, 1)
