"""What a map costs: to draw, to keep, and to look at in the system's Chromium.

    python bench/map.py --vectors 1000000 --dim 16

Prints the processor's seconds and the memory that drawing takes beyond the index, the size of the
page, and, where playwright and Chromium are there, when the page is ready and how long steps of a
way, moves of the map and a change of the layer keep it busy (medians; WebGL by software where there
is no GPU).
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

import vicinal

FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
#: Each is done some times; the script's own work is timed, and the time until it is seen.
ACTIONS = {
    "step": "(i) => document.getElementById('step').oninput({ target: { value: i } })",
    "move": "(i) => Plotly.relayout('map', { 'xaxis.range': [-0.5, 0.5 + i / 100] })",
    "layer": "(i) => document.querySelectorAll('#layers button')[1 + i % 2].click()",
}
TIMED = """async (i) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const began = performance.now();
  await (%s)(i);
  const worked = performance.now() - began;
  await frame();
  await frame();
  return [worked, performance.now() - began];
}"""


def main() -> None:
    """Draw, look and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--most", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    rng = np.random.default_rng(1)
    centers = 2 * rng.normal(size=(200, asked.dim))
    kinds = rng.integers(200, size=asked.vectors)
    index = vicinal.Index(asked.dim, M=8, ef_construction=100)
    index.add((centers[kinds] + rng.normal(size=(asked.vectors, asked.dim))).astype(np.float32))
    payloads = {i: {"name": f"shop {i}", "kind": int(kind % 9)} for i, kind in enumerate(kinds)}
    queries = (centers[:3] + rng.normal(size=(3, asked.dim))).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "city.html"
        held, began = peak(), time.process_time()
        drawn = index.map(
            page, queries, ef_search=10, payloads=payloads, most=asked.most, layout="pca"
        )
        told = {
            "shown": drawn.shown,
            "of": drawn.count,
            "processor_seconds": round(time.process_time() - began, 1),
            "more_memory_mb": round(peak() - held),
            "page_mb": round(page.stat().st_size / 1e6, 1),
        }
        print(json.dumps(told | looked_at(page, asked.rounds), indent=2))


def peak() -> float:
    """Return the most memory that was held so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def looked_at(page: Path, rounds: int) -> dict[str, object]:
    """Open the page, and time what is done there."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return {}
    if chromium is None:
        return {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1200, "height": 760})
        began = time.perf_counter()
        opened.goto(page.as_uri(), timeout=300_000)
        opened.wait_for_selector("body[data-ready=yes]", timeout=300_000)
        told: dict[str, object] = {"ready_seconds": round(time.perf_counter() - began, 1)}
        for name, action in ACTIONS.items():
            times = [opened.evaluate(TIMED % action, i) for i in range(rounds)]
            for what, values in zip(("busy", "seen"), zip(*times, strict=True), strict=True):
                told[f"{name}_{what}_ms"] = round(statistics.median(values))
        told["drawn"] = opened.inner_text("#drawn")
        browser.close()
    return told


if __name__ == "__main__":
    main()
