"""Draws the pictures of maps, light and dark, into docs/screens (`make screens`): the pages as the
system's Chromium shows them (playwright drives it).

`map` is the page of docs/howto/map.md; `city` is the map that `vicinal demo` opens, of a city whose
shops are all shown.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

import vicinal
from vicinal.datasets import coffee_city
from vicinal.demo import draw, walk
from vicinal.demo.wish import complete, parse

SCREENS = Path(__file__).parent / "screens"
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WISH = "medium roast, cosy seating, quiet music"


def cafes(path: Path, shops: int) -> None:
    rng = np.random.default_rng(1)
    centers = 2 * rng.normal(size=(12, 32))
    kinds = rng.integers(12, size=shops)
    ix = vicinal.Index(dim=32, M=6, ef_construction=30)
    ix.add((centers[kinds] + rng.normal(size=(shops, 32))).astype(np.float32), threads=1)
    queries = (0.6 * centers[:3] + rng.normal(size=(3, 32))).astype(np.float32)
    signs = [{"name": f"Café {i}", "kind": f"kind {kind}"} for i, kind in enumerate(kinds)]
    ix.map(
        path,
        queries=queries,
        k=10,
        ef_search=10,
        payloads=signs,
        color="kind",
        layout="pca",
        title="Cafés",
    )


def coffee(path: Path, shops: int) -> None:
    city = coffee_city(shops)
    streets = city.array()
    query, _ = complete(parse(WISH), city, streets)
    ix = vicinal.Index(streets.shape[1], "l2", "u8", M=walk.M, ef_construction=walk.EF_CONSTRUCTION)
    ix.add(streets, threads=1)
    draw.write_map(ix, city, query, WISH, path)


PAGES = {"map": (cafes, 3_000), "city": (coffee, draw.SHOWN)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *PAGES], help="all when none is named")
    parser.add_argument("--shops", type=int, help="of another number than that of the pictures")
    parser.add_argument("--out", type=Path, default=SCREENS)
    args = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("the pictures need Chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for name in args.names or PAGES:
            write, shops = PAGES[name]
            file = Path(folder) / f"{name}.html"
            write(file, args.shops or shops)
            for scheme in ("light", "dark"):
                page = browser.new_page(
                    color_scheme=scheme, viewport={"width": 1100, "height": 680}
                )
                page.goto(file.as_uri())
                page.wait_for_selector("body[data-ready=yes]")
                page.wait_for_timeout(1000)
                page.screenshot(path=args.out / f"{name}-{scheme}.png")
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
