"""`make bench`: Vicinal beside all its peers, on everyday data, with the tables README shows.

On the vectors named on the command line; or else on those in the folder that the environment
variable VICINAL_DATA names, where NAME_base.npy and NAME_queries.npy make a set; or else on
generated ones. Float16 sets are compared by cosine, others by Euclidean distance, unless told.

    python bench/run.py                                  # all sets, all peers
    python bench/run.py --against hnswlib --rounds 3     # quicker
    VICINAL_DATA=~/vectors python bench/run.py sift      # one set of the folder
    python bench/run.py --redraw                         # tables and charts of the last run again
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vicinal.bench import Results, Settings, Workload, generate, load, markdown, run_benchmark
from vicinal.bench.peers import parse
from vicinal.bench.session import write
from vicinal.errors import VicinalError

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"

GENERATED = {
    "sift_like": ("sift_like:100000x128", "l2"),
    "embedding_like": ("embedding_like:100000x384", "cosine"),
}


def say(line: str) -> None:
    """Tell on the standard error, so that the tables can be piped on."""
    print(line, file=sys.stderr, flush=True)


def told(main: Callable[[], None]) -> None:
    """Run a program; what its user got wrong is a line, not a traceback."""
    try:
        main()
    except (VicinalError, ValueError, subprocess.CalledProcessError) as error:
        raise SystemExit(f"error: {error}") from error


def sets() -> dict[str, tuple[Path, Path]]:
    """Return the pairs of files that VICINAL_DATA holds."""
    folder = os.environ.get("VICINAL_DATA")
    if not folder:
        return {}
    pairs = {}
    for base in sorted(Path(folder).glob("*_base.npy")):
        name = base.name.removesuffix("_base.npy")
        queries = base.with_name(f"{name}_queries.npy")
        if queries.exists():
            pairs[name] = base, queries
    return pairs


def workload(name: str, metric: str | None, rows: int | None) -> Workload:
    """Return the vectors a name stands for."""
    held = sets()
    if name in held:
        found = load(*held[name], metric=metric or "l2", rows=rows)
        cosine = metric is None and found.base.dtype.kind == "f" and found.base.dtype.itemsize == 2
        return Workload(name, found.base, found.queries, "cosine" if cosine else found.metric)
    if name in GENERATED:
        text, usual = GENERATED[name]
        if rows is not None:
            text = f"{name}:{rows}x{text.partition('x')[2]}"
        return generate(text, metric=metric or usual)
    if ":" in name:
        return generate(name, metric=metric or "l2")
    return load(Path(name), metric=metric or "l2", rows=rows)


def main() -> None:
    """Measure, write bench/results, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", help="files, names in VICINAL_DATA, or NAME:NxDIM")
    parser.add_argument("--against", default="all", help="peers, as in vicinal bench")
    parser.add_argument("--variant", action="append", default=[], help="another row for Vicinal")
    parser.add_argument("--metric", help="for all sets")
    parser.add_argument("--rows", type=int, help="use only so many vectors")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--build-rounds", type=int, default=1)
    parser.add_argument("--build-threads", default="1,all")
    parser.add_argument("--single", action="store_true", help="one query a call")
    parser.add_argument("--clock", default="wall", choices=("wall", "cpu"))
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-bench")
    parser.add_argument("--redraw", action="store_true", help="measure nothing, write anew")
    options = parser.parse_args()
    names = options.sets or list(sets()) or list(GENERATED)
    if options.redraw and not options.sets:
        names = sorted(path.parent.name for path in options.output.glob("*/results.json"))
    contenders = parse(
        ",".join(["vicinal", *(f"vicinal:{text}" for text in options.variant), options.against])
    )
    tables = []
    for name in names:
        folder = options.output / Path(name).stem.replace(":", "-")
        if options.redraw:
            results = Results.load(folder / "results.json")
            write(results, folder, say)
        else:
            settings = Settings(
                rounds=options.rounds,
                build_rounds=options.build_rounds,
                build_threads=[
                    0 if t == "all" else int(t) for t in options.build_threads.split(",")
                ],
                single=options.single,
                clock=options.clock,
            )
            results = run_benchmark(
                workload(name, options.metric, options.rows),
                contenders,
                settings,
                folder,
                environment=options.environment,
                say=say,
            )
        tables.append(markdown(results))
    text = "\n".join(tables)
    (options.output / "tables.md").write_text(text)
    print(text)


if __name__ == "__main__":
    told(main)
