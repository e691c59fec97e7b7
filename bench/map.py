"""What a map costs: to draw, to keep, and to look at in the system's Chromium.

    python bench/map.py --vectors 1000000 --dim 16

Prints the processor's seconds and the memory that drawing takes beyond the opened index, the size
of the page, and, where playwright and Chromium are there (on Linux), the processor's seconds that
the browser takes to open it, for a step of a way, for each place that the mouse drags the map to,
for drawing it anew when it was let go, and for a change of the layer. They are those of all its
processes, WebGL by software included, and so hardly depend on what else the machine does; where a
GPU draws, they are less.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import vicinal

FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 300_000  # milliseconds

#: What is done on the page, some times each.
ACTIONS = {
    "step": "(i) => document.getElementById('step').oninput({ target: { value: i } })",
    "redraw": "(i) => Plotly.relayout('map', { 'xaxis.range': [-0.5, 0.5 + i / 100] })",
    "layer": "(i) => document.querySelectorAll('#layers button')[1 + (i % 3)].click()",
}
#: Places that the mouse goes to while it holds the map.
DRAGGED = 20
FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
#: Until what was done has been seen, and what it put off was done.
SETTLED = """() => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 300))))"""


def main() -> None:
    """Draw, look and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=6)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index, page = Path(folder) / "city.vicinal", Path(folder) / "city.html"
        # In a process of its own, whose memory is not counted.
        building = multiprocessing.get_context("spawn").Process(
            target=build, args=(index, asked.vectors, asked.dim)
        )
        building.start()
        building.join()
        told = drawn(index, page, asked.most)
        print(json.dumps(told | looked_at(page, asked.rounds), indent=2))


def build(path: Path, count: int, dim: int) -> None:
    """Make an index of vectors in clusters."""
    rng = np.random.default_rng(1)
    centers = 2 * rng.normal(size=(200, dim))
    index = vicinal.Index(dim, M=8, ef_construction=100)
    rows = centers[rng.integers(200, size=count)] + rng.normal(size=(count, dim))
    index.add(rows.astype(np.float32))
    index.save(path)


def drawn(path: Path, page: Path, most: int) -> dict[str, Any]:
    """Draw the map of an index, with the ways of three queries and a label for each vector."""
    index = vicinal.Index.open(path)
    queries = index.get(index.ids()[:3]) + np.float32(0.3)
    labels = [f"shop {number} of the city" for number in index.ids().tolist()]
    held, began = peak(), time.process_time()
    city = index.map(page, queries, ef_search=10, labels=labels, most=most, layout="pca")
    return {
        "shown": city.shown,
        "of": city.count,
        "draw_seconds": round(time.process_time() - began, 1),
        "draw_memory_mb": round(peak() - held),
        "page_mb": round(page.stat().st_size / 1e6, 1),
    }


def peak() -> float:
    """Return the most memory that was held so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def spent() -> float:
    """Return the processor's seconds of all that this process started and that still runs."""
    children: dict[int, list[tuple[int, float]]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended meanwhile
                continue
            seconds = (int(fields[11]) + int(fields[12])) / TICKS
            children.setdefault(int(fields[1]), []).append((int(entry.name), seconds))
    total, parents = 0.0, [os.getpid()]
    while parents:
        for child, seconds in children.get(parents.pop(), []):
            total += seconds
            parents.append(child)
    return total


def looked_at(page: Path, rounds: int) -> dict[str, Any]:
    """Open the page, and count what is done there."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return {}
    if chromium is None or not Path("/proc/self/stat").exists():
        return {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1200, "height": 760})
        opened.set_default_timeout(PATIENCE)
        began = spent()
        opened.goto(page.as_uri())
        opened.wait_for_selector("body[data-ready=yes]")
        opened.evaluate(SETTLED)
        told: dict[str, Any] = {"open_seconds": round(spent() - began, 1)}
        for name, action in ACTIONS.items():
            began = spent()
            for i in range(rounds):
                opened.evaluate(f"(i) => {{ ({action})(i); }}", i + 1)
                opened.evaluate(SETTLED)
            told[f"{name}_seconds"] = round((spent() - began) / rounds, 2)
        box = opened.locator("#map").bounding_box()
        opened.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        opened.mouse.down()
        began = spent()
        for i in range(DRAGGED):
            opened.mouse.move(box["x"] + box["width"] / 2 + 5 * i, box["y"] + box["height"] / 2)
            opened.evaluate(FRAME)
        told["drag_seconds"] = round((spent() - began) / DRAGGED, 3)
        opened.mouse.up()
        browser.close()
    return told


if __name__ == "__main__":
    main()
