"""Draws the pictures of the map, light and dark, into docs/screens: the page of docs/howto/map.md
as the system's Chromium shows it (playwright drives it).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

import vicinal

SCREENS = Path(__file__).parent / "screens"
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def city() -> vicinal.map.CityMap:
    rng = np.random.default_rng(1)
    centers = 2 * rng.normal(size=(12, 32))
    kinds = rng.integers(12, size=3_000)
    ix = vicinal.Index(dim=32, M=6, ef_construction=30)
    ix.add((centers[kinds] + rng.normal(size=(3_000, 32))).astype(np.float32), threads=1)
    queries = (0.6 * centers[:3] + rng.normal(size=(3, 32))).astype(np.float32)
    shops = [{"name": f"Café {i}", "kind": f"kind {kind}"} for i, kind in enumerate(kinds)]
    return ix.map(
        queries=queries,
        k=10,
        ef_search=10,
        payloads=shops,
        color="kind",
        layout="pca",
        title="Cafés",
    )


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("the pictures need Chromium")
    drawn = city()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder) / "city.html"
        drawn.save(page_file)
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for scheme in ("light", "dark"):
            page = browser.new_page(color_scheme=scheme, viewport={"width": 1100, "height": 680})
            page.goto(page_file.as_uri())
            page.wait_for_selector("body[data-ready=yes]")
            page.wait_for_timeout(1000)
            page.screenshot(path=SCREENS / f"map-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
