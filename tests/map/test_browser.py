"""The page in a real browser: no error, no network, and everything on it works."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vicinal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.importorskip("plotly")
sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

N = 400
SMALL = {"width": 800, "height": 500}  # WebGL by software takes its time
WIDTH = "document.getElementById('map')._fullLayout.xaxis.range.reduce((a, b) => b - a)"
STEP = """at => {
  const slider = document.getElementById('step');
  slider.value = at;
  slider.oninput({ target: slider });
}"""
BAD = "<img src=x onerror='window.hacked=1'><script>window.hacked=2</script><b>bold</b>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def index() -> vicinal.Index:
    rng = np.random.default_rng(5)
    ix = vicinal.Index(12, M=3, ef_construction=6)
    ix.add(rng.normal(size=(N, 12)).astype(np.float32), ids=np.arange(N) + 2**60, threads=1)
    return ix


@pytest.fixture(scope="module", params=["light", "dark"])
def page(
    request: pytest.FixtureRequest,
    browser: Any,
    index: vicinal.Index,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("map") / "city.html"
    queries = np.random.default_rng(6).normal(size=(2, 12)).astype(np.float32)
    texts = [f"shop {i} {BAD}" for i in range(N)]
    payloads = [{"kind": "ab"[i % 2] + BAD, "n": i} for i in range(N)]
    index.map(
        path, queries, k=8, ef_search=8, labels=texts, payloads=payloads, color="kind", layout="pca"
    )
    opened = browser.new_page(color_scheme=request.param, viewport=SMALL, offline=True)
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console", lambda said: complaints.append(said.text) if said.type == "error" else None
    )
    opened.on(
        "request",
        lambda asked: complaints.append(asked.url) if not asked.url.startswith("file:") else None,
    )
    opened.goto(path.as_uri())
    opened.wait_for_selector("body[data-ready=yes]")
    yield opened
    hacked = opened.evaluate("window.hacked")
    opened.close()
    assert hacked is None
    assert complaints == []


def test_everything_on_the_page_works(page: Any, index: vicinal.Index) -> None:
    queries = np.random.default_rng(6).normal(size=(2, 12)).astype(np.float32)
    for i, query in enumerate(queries):
        page.select_option("#query", str(i))
        way = index.explain(query, 8, ef_search=8, plan="graph")
        hops = [(layer.layer, hop.id) for layer in way.layers for hop in layer.hops]
        assert page.locator("#answer li").count() == 8
        true = index.search(query, 8, exact=True).ids
        missed = [number for number in true.tolist() if number not in way.result.ids]
        assert page.locator("#missed li").count() == len(missed)
        for at in (0, len(hops) - 1):
            page.evaluate(STEP, at)
            layer, number = hops[at]
            text = page.inner_text("#told")
            assert text.startswith(f"Step {at + 1} of {len(hops)}, layer {layer}\n{number} shop")
    page.evaluate(STEP, 0)
    page.click("#play")
    page.wait_for_function("Number(document.body.dataset.step) >= 2")
    page.click("#play")
    reached = int(page.evaluate("document.body.dataset.step"))
    assert page.inner_text("#told").startswith(f"Step {reached + 1} of {len(hops)}, layer ")
    assert page.inner_text("#play") == "▶"

    page.click("#whole")
    for button in page.locator("#layers button").all()[1:]:
        button.click()
        layer = int(button.inner_text().removeprefix("layer "))
        assert page.evaluate("document.body.dataset.layer") == str(layer)
        assert page.inner_text("#drawn").startswith(f"Layer {layer}: ")


def test_hover_names_the_right_vector(page: Any, index: vicinal.Index) -> None:
    page.click("#whole")
    page.wait_for_timeout(300)
    # The vector farthest from all others is met by the mouse alone.
    spot = page.evaluate(
        """() => {
          const map = document.getElementById('map'), points = [];
          map.data.forEach((trace) => {
            trace.customdata?.forEach((place, i) => points.push([trace.x[i], trace.y[i], place]));
          });
          const gap = (p) => Math.min(...points.filter((o) => o !== p).map(
            (o) => Math.hypot(o[0] - p[0], o[1] - p[1])));
          const lone = points.reduce((a, b) => (gap(a) > gap(b) ? a : b));
          const { xaxis, yaxis } = map._fullLayout, box = map.getBoundingClientRect();
          return { place: lone[2], x: box.x + xaxis._offset + xaxis.d2p(lone[0]),
                   y: box.y + yaxis._offset + yaxis.d2p(lone[1]), at: [lone[0], lone[1]] };
        }"""
    )
    page.mouse.move(spot["x"] - 30, spot["y"] - 30)
    page.mouse.move(spot["x"], spot["y"], steps=4)
    page.wait_for_selector("#label:not([hidden])", timeout=20_000)
    assert page.inner_text("#who") == str(index.ids()[spot["place"]])
    shown = page.inner_text("#what")
    assert f"shop {spot['place']} {BAD}" in shown  # as it stands
    assert f"n: {spot['place']}" in shown
    page.mouse.move(spot["x"] - 60, spot["y"] - 60, steps=4)
    page.wait_for_selector("#label", state="hidden", timeout=20_000)


def test_zooming_in_brings_the_streets(browser: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    ix = vicinal.Index(4, M=8, ef_construction=10)
    ix.add(rng.normal(size=(700, 4)).astype(np.float32))
    path = tmp_path / "city.html"
    ix.map(path, layout="pca")
    page = browser.new_page(viewport=SMALL)
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready=yes]")
    assert int(page.evaluate("document.body.dataset.layer")) > 0
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wide = page.evaluate(WIDTH)
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"{WIDTH} < {wide}")
    page.wait_for_timeout(500)  # Plotly gathers what comes at once
    page.evaluate(
        "Plotly.relayout('map', {'xaxis.range': [-0.2, 0.2], 'yaxis.range': [-0.2, 0.2]})"
    )
    page.wait_for_function("document.body.dataset.layer === '0'")
    page.click("#whole")
    page.wait_for_function("Number(document.body.dataset.layer) > 0")
    page.close()


def test_what_the_mouse_holds_stays_under_it(browser: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    ix = vicinal.Index(4)
    ix.add(rng.normal(size=(300, 4)).astype(np.float32))
    path = tmp_path / "city.html"
    ix.map(path, color=["ab"[i % 2] for i in range(300)], layout="pca")
    page = opened_safely(browser, path)
    page.wait_for_selector("body[data-ready=yes]")
    box = page.locator("#map").bounding_box()
    x, y = box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6

    def under(x: float, y: float) -> np.ndarray:
        told = page.evaluate(
            """([x, y]) => {
              const { xaxis, yaxis } = document.getElementById('map')._fullLayout;
              return [xaxis.p2d(x), yaxis.p2d(y)];
            }""",
            [x - box["x"], y - box["y"]],
        )
        return np.array(told)

    def drawn_anew(do: Any) -> None:
        count = "Number(document.getElementById('map').dataset.drawn)"
        before = page.evaluate(count)
        do()
        page.wait_for_function(f"{count} > {before}")

    page.evaluate(
        """() => {
          const map = document.getElementById('map');
          map.dataset.drawn = 0;
          map.on('plotly_relayout', () => { map.dataset.drawn = Number(map.dataset.drawn) + 1; });
        }"""
    )
    held = under(x, y)
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, 6):
        page.mouse.move(x + 20 * i, y - 10 * i)
        # Moved with the mouse, and not drawn anew before it is let go.
        moved = page.evaluate(
            """() => ['#streets', '#map .gl-container', '#way'].map((layer) => {
              const { e, f } = new DOMMatrix(document.querySelector(layer).style.transform);
              return [e, f];
            })"""
        )
        assert np.allclose(moved, [20 * i, -10 * i], atol=0.5)
    assert page.evaluate("document.getElementById('map').dataset.drawn") == "0"
    drawn_anew(page.mouse.up)
    assert np.allclose(under(x + 100, y - 50), held, atol=0.005)
    assert page.evaluate("document.getElementById('way').style.transform") == ""

    held = under(x, y)
    page.mouse.move(x, y)
    drawn_anew(lambda: page.mouse.wheel(0, -300))
    assert np.allclose(under(x, y), held, atol=0.005)

    # A click on the legend is not taken for a grip.
    page.locator("#map .legend .legendtoggle").first.click()
    page.wait_for_function("document.getElementById('map').data[0].visible === 'legendonly'")
    assert page.complaints == []
    page.close()


def opened_safely(browser: Any, path: Path) -> Any:
    """A page that must neither complain nor ask for anything."""
    page = browser.new_page(viewport=SMALL, offline=True)
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (page.complaints.append("a dialog"), dialog.dismiss()))
    page.goto(path.as_uri())
    return page


def test_records_may_be_called_and_contain_anything(browser: Any, tmp_path: Path) -> None:
    pytest.importorskip("apsw")
    worst = "</script><script>window.hacked=3</script><!--<script>" + BAD
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(40, 6)).astype(np.float32)
    with vicinal.open(tmp_path / "x.db") as db:
        docs = db.collection("docs", dim=6, if_missing="create")
        docs.upsert(
            [f"{i} {worst}" for i in range(40)],
            rows,
            [{worst: worst, "cat": worst + str(i % 2)} for i in range(40)],
        )
        docs.compact()
        docs.map(tmp_path / "c.html", rows[:2], k=3, color="cat", layout="pca", title=worst)
    page = opened_safely(browser, tmp_path / "c.html")
    page.wait_for_selector("body[data-ready=yes]")
    assert page.inner_text("h1") == worst
    assert worst in page.inner_text("#answer li:first-child")
    assert worst in page.inner_text("#told")
    for place in (0, 7):
        page.evaluate(
            """place => {
              const points = [{ curveNumber: 1, customdata: place }];
              const event = { clientX: 9, clientY: 9 };
              document.getElementById('map').emit('plotly_hover', { points, event });
            }""",
            place,
        )
        assert page.inner_text("#who") == f"{place} {worst}"
        assert "</script><script>" in page.inner_text("#what")
    assert page.locator("#label script, #label img, #answer img, .legend img").count() == 0
    assert page.evaluate("window.hacked") is None
    assert page.complaints == []
    page.close()


def test_a_notebook_shows_the_page(browser: Any, index: vicinal.Index, tmp_path: Path) -> None:
    path = tmp_path / "notebook.html"
    cell = index.map(labels=[BAD] * N, layout="pca")._repr_html_()
    path.write_text(f"<!doctype html><p>cell</p>{cell}", encoding="utf-8")
    page = opened_safely(browser, path)
    frame = page.frame_locator("iframe")
    frame.locator("body[data-ready=yes]").wait_for()
    assert f"{N} vectors" in frame.locator("#facts").inner_text()
    assert frame.locator("body").evaluate("() => window.hacked") is None
    assert page.complaints == []
    page.close()


def test_the_two_plots_lie_on_each_other(browser: Any, tmp_path: Path) -> None:
    """What is told of a query is where its vectors are, however the map was moved."""
    rng = np.random.default_rng(9)
    ix = vicinal.Index(6)
    ix.add(rng.normal(size=(200, 6)).astype(np.float32))
    values = {i: i / 7 for i in range(200)}  # with a scale, which must take no room
    ix.map(tmp_path / "c.html", rng.normal(size=(1, 6)), color=values, layout="pca")
    page = opened_safely(browser, tmp_path / "c.html")
    page.wait_for_selector("body[data-ready=yes]")
    apart = """() => {
      const at = (id) => { const { xaxis, yaxis } = document.getElementById(id)._fullLayout;
        const pixel = (axis) => [0.3, -0.2].map((v) => axis._offset + axis.d2p(v));
        return [xaxis, yaxis].flatMap(pixel); };
      const [map, ...others] = ['map', 'streets', 'way'].map(at);
      return Math.max(...others.flatMap((other) => map.map((v, i) => Math.abs(v - other[i]))));
    }"""
    assert page.evaluate(apart) < 1
    page.evaluate("Plotly.relayout('map', {'xaxis.range': [-0.3, 0.1], 'yaxis.range': [0, 0.4]})")
    page.wait_for_function(f"({apart})() < 1")
    page.set_viewport_size({"width": 700, "height": 620})
    page.wait_for_function(f"({apart})() < 1")
    assert page.complaints == []
    page.close()


def test_pages_with_little_on_them(browser: Any, tmp_path: Path) -> None:
    """None, one, equal vectors, and a scale without numbers: no complaint, and nothing to see."""
    for count in (0, 1, 3):
        ix = vicinal.Index(3)
        ix.add(np.ones((count, 3), np.float32))
        path = tmp_path / f"{count}.html"
        ix.map(path, np.ones((1, 3)), k=2, color=[float("nan")] * count, layout="pca")
        page = opened_safely(browser, path)
        page.wait_for_selector("body[data-ready=yes]")
        assert page.locator("#answer li").count() == min(count, 2)
        page.click("#play")
        page.click("#whole")
        page.wait_for_timeout(300)
        assert page.complaints == []
        page.close()
