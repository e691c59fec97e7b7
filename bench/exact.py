"""Exact search beside FAISS IndexFlat and beside what the machine allows.

    python bench/exact.py                      # sets as in run.py
    python bench/exact.py vectors.npy --rounds 9

Queries come in one batch, which is bound by arithmetic, and one at a time, which is bound by
reading the vectors once for each. The limits are measured here by the kernels' micro-benchmark:
the peak of multiply-adds in float32, and the rate of reading memory from end to end.
"""

from __future__ import annotations

import argparse
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from run import GENERATED, RESULTS, ROOT, say, sets, told, workload

from vicinal.bench import Results, Settings, run_benchmark
from vicinal.bench.peers import parse

if TYPE_CHECKING:
    from vicinal.bench.results import Row

NONE = "-"
# Exact search reads no links: the cheapest graph will do.
GRAPHLESS = "vicinal_exact:M=4:ef_construction=8"


def limits() -> tuple[float, float]:
    """Return multiply-adds a second in float32 and bytes read a second, on one core."""
    command = [
        "cargo",
        "run",
        "--quiet",
        "--release",
        "-p",
        "vicinal-kernels",
        "--example",
        "kernels",
    ]
    done = subprocess.run(
        [*command, "--", "--dim", "128", "--mb", "512"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    peaks = re.findall(r"multiply-add peak ([\d.]+) Gop/s in f32", done.stdout)
    stream = re.search(r"streaming read ([\d.]+) GB/s", done.stdout)
    if not peaks or stream is None:
        raise SystemExit(f"the kernels' micro-benchmark did not tell its limits:\n{done.stdout}")
    return max(map(float, peaks)) * 1e9 / 2, float(stream[1]) * 1e9


def table(results: Results, single: bool, limit: tuple[float, float]) -> list[str]:
    """Return the rows of one data set, asked in one of the two ways."""
    multiply_adds, stream = limit
    peer = results.row("faiss_flat")
    components = results.n * results.data["dim"]
    lines = []
    for row in results.rows:
        speed = row.qps(1, 0.9)
        if row.error or speed is None:
            lines.append(f"| {results.data['name']} | {_name(row)} | {NONE} | {NONE} | {NONE} |")
            continue
        ratio = row.ratio(peer, 1, 0.9) if peer else None
        # The least time for a query: arithmetic alone in a batch, reading too when it is alone.
        bounds = [components / multiply_adds]
        if single:
            bounds.append(components * _bytes(row) / stream)
        # Integers multiply faster than float32; what they could reach is not measured here.
        share = f"{100 * speed.median * max(bounds):.0f}%" if _bytes(row) == 4 or single else NONE
        lines.append(
            f"| {results.data['name']}, {'single' if single else 'batch'} | {_name(row)} "
            f"| {speed.median:,.0f} | {f'{ratio.median:.2f}' if ratio else NONE} | {share} |"
        )
    return lines


def _name(row: Row) -> str:
    return f"{row.adapter} {row.settings['dtype']}" if row.own else row.label


def _bytes(row: Row) -> int:
    return {"u8": 1, "i8": 1, "f16": 2, "bf16": 2}.get(str(row.settings.get("dtype")), 4)


def main() -> None:
    """Measure both ways on each set and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="*", help="files, names in VICINAL_DATA, or NAME:NxDIM")
    parser.add_argument("--metric")
    parser.add_argument("--rows", type=int, help="use only so many vectors")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", default="wall", choices=("wall", "cpu"))
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-bench")
    options = parser.parse_args()
    limit = limits()
    machine = (
        f"One thread. The machine: {limit[0] / 1e9:.1f} G multiply-adds a second in float32, "
        f"{limit[1] / 1e9:.1f} GB/s read."
    )
    head = ["| | | QPS | of FAISS | of the limit |", "| --- | --- | ---: | ---: | ---: |"]
    lines = [machine, "", *head]
    for name in options.sets or list(sets()) or list(GENERATED):
        data = workload(name, options.metric, options.rows)
        integers = data.base.dtype.kind == "u" and data.metric != "cosine"
        own = [GRAPHLESS, *([f"{GRAPHLESS}:dtype=u8"] if integers else [])]
        for single in (False, True):
            settings = Settings(
                threads=[1], rounds=options.rounds, single=single, clock=options.clock
            )
            # Without an index all vectors are looked over at each call: nothing for one query.
            names = [*own, *([] if single else ["vicinal_knn"]), "faiss_flat"]
            results = run_benchmark(
                data,
                parse(",".join(names)),
                settings,
                RESULTS / "exact" / Path(name).stem.replace(":", "-"),
                environment=options.environment,
                say=say,
            )
            lines += table(results, single, limit)
    text = "\n".join(lines) + "\n"
    (RESULTS / "exact.md").write_text(text)
    print(text)


if __name__ == "__main__":
    told(main)
