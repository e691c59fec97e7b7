"""The page has what the index has, says what it leaves out, and takes no text for a command."""

from __future__ import annotations

import base64
import json
import re
import sys
import threading
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vicinal
from support import SPACES, make_rows
from vicinal.explain import why_not
from vicinal.map import given, links

DIM, N, K = 16, 500, 6
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)

pytest.importorskip("plotly")

if TYPE_CHECKING:
    from pathlib import Path


def told(drawn: vicinal.map.CityMap) -> dict[str, Any]:
    match = DATA.search(drawn.html)
    assert match
    return json.loads(match[1])


def numbers(text: str, kind: type) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def build(rng: np.random.Generator, metric: str = "l2", dtype: str = "f32") -> vicinal.Index:
    ix = vicinal.Index(DIM, metric, dtype, M=3, ef_construction=10)
    ix.add(make_rows(rng, dtype, N, DIM), ids=np.arange(N) * 7 + 2**60, threads=1)
    return ix


@pytest.mark.parametrize(("metric", "dtype"), SPACES)
def test_it_shows_what_the_index_has(rng: np.random.Generator, metric: str, dtype: str) -> None:
    ix = build(rng, metric, dtype)
    queries = make_rows(rng, dtype, 3, DIM)
    data = told(ix.map(None, queries, k=K, ef_search=K, layout="pca"))
    assert [int(i) for i in data["ids"]] == ix.ids().tolist()
    x, y = numbers(data["x"], np.float32), numbers(data["y"], np.float32)
    assert np.isfinite(x).all()
    assert max(np.abs(x).max(), np.abs(y).max()) == pytest.approx(1)
    graph = ix.graph()
    for layer, drawn in zip(graph.layers, data["layers"], strict=True):
        degrees = np.diff(layer.offsets.astype(np.int64))
        ends = zip(np.repeat(layer.nodes, degrees), layer.neighbors, strict=True)
        expected = {(min(a, b), max(a, b)) for a, b in ends}
        pairs = numbers(drawn["pairs"], np.uint32).reshape(-1, 2)
        assert {(a, b) for a, b in pairs} == expected
        assert drawn["links"] == len(expected)
    found = ix.search(queries, K, ef_search=K, plan="graph", counters=True)
    exact = ix.search(queries, K, exact=True)
    for i, query in enumerate(data["queries"]):
        assert [int(data["ids"][p]) for p in query["found"]] == found.ids[i].tolist()
        assert [int(data["ids"][p]) for p in query["true"]] == exact.ids[i].tolist()
        assert len(query["steps"]) == found.counters.hops[i]
        for step in query["steps"]:
            if step["from"] >= 0:
                assert step["at"] in query["steps"][step["from"]]["seen"]
        for miss in query["missed"]:
            number = int(data["ids"][miss["at"]])
            why = ix.why_not(queries[i], number, K, ef_search=K, plan="graph")
            assert miss["why"] == str(why)
            assert not why.found


def test_near_is_near_as_far_as_a_plane_goes(rng: np.random.Generator) -> None:
    """Points of a plane, turned into 16 dimensions, come back as they lay."""
    flat = rng.normal(size=(300, 2)) * [3, 1]
    turn, _ = np.linalg.qr(rng.normal(size=(DIM, 2)))
    ix = vicinal.Index(DIM)
    ix.add((flat @ turn.T).astype(np.float32))
    data = told(ix.map(layout="pca"))
    placed = np.stack([numbers(data[axis], np.float32) for axis in "xy"], axis=1)
    apart = np.linalg.norm(flat[:, None] - flat, axis=2)
    drawn = np.linalg.norm(placed[:, None] - placed, axis=2)
    assert np.corrcoef(apart.ravel(), drawn.ravel())[0, 1] > 0.9999


def test_umap_is_given_the_neighbours_that_the_index_finds(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ix = build(rng)
    given: dict[str, Any] = {}

    class UMAP:
        def __init__(self, **how: Any) -> None:
            given.update(how)

        def fit_transform(self, rows: np.ndarray) -> np.ndarray:
            return rows[:, ::-1] * 3

    module = types.ModuleType("umap")
    monkeypatch.setitem(sys.modules, "umap", module)
    module.UMAP = UMAP  # type: ignore[attr-defined]
    drawn = ix.map()
    assert drawn.layout == "umap"
    near, apart, _ = given["precomputed_knn"]
    exact = ix.search(ix.get(ix.ids()), near.shape[1], exact=True)
    ids = ix.ids()[near]
    assert np.mean([len({*a} & {*b}) / len(a) for a, b in zip(ids, exact.ids, strict=True)]) > 0.9
    assert (near[:, 0] == np.arange(N)).all()
    assert (np.diff(apart, axis=1) >= 0).all()
    monkeypatch.setitem(sys.modules, "umap", None)
    assert ix.map().layout == "pca"
    with pytest.raises(vicinal.MissingExtraError, match="pip install"):
        ix.map(layout="umap")


@pytest.mark.parametrize("n", [0, 1, 2, 40])
def test_few_points_and_equal_points(n: int) -> None:
    ix = vicinal.Index(3)
    ix.add(np.ones((n, 3), np.float32))
    data = told(ix.map(None, np.ones((1, 3)), k=3, layout="pca"))
    assert len(data["ids"]) == data["count"] == n
    (query,) = data["queries"]
    assert len(query["found"]) == min(3, n)
    assert query["missed"] == []
    assert np.isfinite(numbers(data["x"], np.float32)).all()


def test_a_large_index_is_sampled_and_the_page_says_so(rng: np.random.Generator) -> None:
    ix = build(rng)
    queries = rng.normal(size=(2, DIM)).astype(np.float32)
    drawn = ix.map(None, queries, k=K, ef_search=K, most=300, layout="pca")
    data = told(drawn)
    assert (drawn.shown, drawn.count) == (len(data["ids"]), data["count"]) == (300, N)
    shown = {int(number) for number in data["ids"]}
    for query in queries:
        assert {*ix.search(query, K, exact=True).ids.tolist()} <= shown
        way = ix.explain(query, K, ef_search=K, plan="graph")
        assert {hop.id for layer in way.layers for hop in layer.hops} <= shown


def test_after_removals(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(N, DIM)).astype(np.float32)
    ix = vicinal.Index(DIM, M=4, ef_construction=20, layout="fast")
    ix.add(np.vstack([rows, rows[: N // 2]]), threads=1)
    ix.remove(np.arange(0, N, 2))
    queries = rows[:20] + 0.01
    data = told(ix.map(None, queries, k=K, ef_search=K, layout="pca"))
    assert [int(number) for number in data["ids"]] == ix.ids().tolist()
    for query, found in zip(
        data["queries"], ix.search(queries, K, ef_search=K, plan="graph").ids, strict=True
    ):
        assert [int(data["ids"][place]) for place in query["found"]] == found.tolist()
        assert all(step["from"] < at for at, step in enumerate(query["steps"]))


def test_colours_by_field_by_value_and_by_id(rng: np.random.Generator) -> None:
    ix = build(rng)
    cats = [{"cat": "abcdefghij"[i % 10] if i else None, "price": i / 2} for i in range(N)]
    kinds = told(ix.map(payloads=cats, color="cat", layout="pca"))["color"]
    assert kinds["kinds"] == ["b", "c", "d", "e", "f", "g", "h", "other"]
    assert np.bincount(numbers(kinds["of"], np.uint8)).tolist() == [50] * 7 + [150]
    scale = told(ix.map(payloads=cats, color="price", layout="pca"))["color"]
    assert numbers(scale["values"], np.float32).tolist() == [i / 2 for i in range(N)]
    odd = [float("inf"), 10**400, float("nan"), None, np.int64(3), np.float32(0.5), -1e300, 7]
    on_scale = told(ix.map(color=odd * (N // 8) + [1] * (N % 8), layout="pca"))["color"]["values"]
    shown = numbers(on_scale, np.float32)[:8]
    assert np.isnan(shown).tolist() == [True] * 4 + [False] * 2 + [True, False]
    assert shown[[4, 5, 7]].tolist() == [3, 0.5, 7]
    by_id = {int(number): float(place) for place, number in enumerate(ix.ids())}
    values = told(ix.map(color=by_id, layout="pca"))["color"]["values"]
    assert numbers(values, np.float32).tolist() == [*range(N)]


def test_no_text_ends_the_script_it_stands_in(rng: np.random.Generator) -> None:
    ix = build(rng)
    bad = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)>"
    drawn = ix.map(labels=[bad] * N, payloads=[{bad: bad}] * N, color=bad, title=bad, layout="pca")
    assert bad not in drawn.html
    assert "<script>alert" not in drawn.html
    assert "<img src=x" not in drawn.html
    assert told(drawn)["texts"][0].startswith(bad)


def test_bad_input_is_refused_and_nothing_written(rng: np.random.Generator, tmp_path: Path) -> None:
    ix = build(rng)
    page = tmp_path / "page.html"
    invalid = vicinal.InvalidInputError
    for how, error, message in (
        ({"labels": ["a"]}, invalid, "labels has 1 entries, but the index 500 vectors"),
        ({"labels": "abc"}, vicinal.InvalidTypeError, "labels must be a sequence"),
        ({"color": "cat"}, invalid, "there are none: pass payloads"),
        ({"color": "cat", "payloads": [{"dog": 1}] * N}, invalid, r"no payload has.*'dog'"),
        ({"queries": np.zeros((101, DIM))}, invalid, "at most 100 queries, not 101"),
        ({"queries": np.zeros((1, 3))}, invalid, "16"),
        ({"layout": "star"}, invalid, "unknown layout 'star'"),
        ({"most": 0}, invalid, "most must be from 1"),
    ):
        with pytest.raises(error, match=message):
            ix.map(page, **{"layout": "pca", **how})
    with pytest.raises(vicinal.FileMissingError, match="no such folder"):
        ix.map(tmp_path / "nowhere" / "page.html")
    with pytest.raises(invalid, match="is a folder"):
        ix.map(tmp_path)
    with pytest.raises(invalid, match=r"must be one of \.html, \.htm"):
        ix.map(tmp_path / "page.pdf", layout="pca")
    assert [*tmp_path.iterdir()] == []
    ix.map(page, layout="pca")
    with pytest.raises(invalid, match=r"page\.html: is a file, not a folder"):
        ix.map(page / "page.html", layout="pca")
    assert [*tmp_path.iterdir()] == [page]


def test_a_notebook_shows_it_in_a_frame(rng: np.random.Generator) -> None:
    frame = build(rng).map(layout="pca")._repr_html_()
    assert frame.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert frame.count("<") == 2


def test_a_filter_is_told_of_hop_by_hop(rng: np.random.Generator) -> None:
    ix = build(rng)
    queries, some = rng.normal(size=(2, DIM)).astype(np.float32), vicinal.IdSet(ix.ids()[::3])
    data = told(ix.map(None, queries, k=K, ef_search=K, filter=some, layout="pca"))
    for query, asked in zip(data["queries"], queries, strict=True):
        way = ix.explain(asked, K, ef_search=K, filter=some, plan="graph")
        hops = [hop for layer in way.layers for hop in layer.hops]
        assert query["filtered"]
        assert [step["allowed"] for step in query["steps"]] == [hop.id in some for hop in hops]
        assert [step["through"] for step in query["steps"]] == [
            sum(number in some for number in hop.seen_ids.tolist()) for hop in hops
        ]
        assert {True, False} == {step["allowed"] for step in query["steps"]}
        true = ix.search(asked, K, exact=True, filter=some).ids.tolist()
        assert [int(data["ids"][place]) for place in query["true"]] == true


class Changing:
    """An index that others change between any two calls of the map."""

    def __init__(self, index: vicinal.Index, rng: np.random.Generator) -> None:
        self.index, self.rng = index, rng

    def change(self) -> None:
        ids = self.index.ids()
        self.index.remove(self.rng.choice(ids, min(len(ids) - 1, 20), replace=False))
        self.index.add(self.rng.normal(size=(10, DIM)).astype(np.float32), ids=None)

    def __getattr__(self, name: str) -> Any:
        self.change()
        return getattr(self.index, name)

    def __len__(self) -> int:
        return len(self.index)

    def __contains__(self, value: object) -> bool:
        return value in self.index


@pytest.mark.parametrize("layout", ["compact", "fast"])
def test_others_may_change_it_meanwhile(rng: np.random.Generator, layout: str) -> None:
    """What is gone by the time that it is looked at is left out, and counted."""
    ix = vicinal.Index(DIM, M=3, ef_construction=10, layout=layout)
    ix.add(rng.normal(size=(4 * N, DIM)).astype(np.float32), threads=1)
    queries = rng.normal(size=(3, DIM)).astype(np.float32)
    changing = Changing(ix, rng)
    before = len(ix)
    drawn = vicinal.Index.map(changing, None, queries, k=K, ef_search=K, layout="pca")  # type: ignore[arg-type]
    data = told(drawn)
    assert len(ix) < before - 50
    assert drawn.shown == len(numbers(data["x"], np.float32)) < data["count"]
    for layer in data["layers"]:
        assert (numbers(layer["pairs"], np.uint32) < drawn.shown).all()
    for query in data["queries"]:
        places = [*query["found"], *query["true"], *(step["at"] for step in query["steps"])]
        assert all(0 <= place < drawn.shown for place in places)
        assert len(query["found"]) == len(query["distances"])


def test_another_thread_may_change_it_meanwhile(rng: np.random.Generator) -> None:
    ix = build(rng)
    queries = rng.normal(size=(2, DIM)).astype(np.float32)
    stop = threading.Event()

    def turn_over() -> None:
        fresh = np.random.default_rng(1)
        while not stop.is_set():
            ix.remove(fresh.choice(ix.ids(), 40, replace=False))
            ix.add(fresh.normal(size=(40, DIM)).astype(np.float32), threads=1)

    other = threading.Thread(target=turn_over)
    other.start()
    try:
        for _ in range(8):
            assert 0 < ix.map(None, queries, k=K, ef_search=K, layout="pca").shown <= N
    finally:
        stop.set()
        other.join()


def test_why_not_of_what_is_removed_meanwhile_is_an_error(rng: np.random.Generator) -> None:
    ix = build(rng)
    number = int(ix.ids()[7])

    class Removed(Changing):
        def change(self) -> None:
            if number in self.index:
                self.index.remove([number])

    ask = (rng.normal(size=DIM).astype(np.float32), number, K, K, None, "raise", "graph")
    with pytest.raises(vicinal.NotFoundError, match="is not in the index"):
        why_not(Removed(ix, rng), *ask)


def test_the_page_is_of_a_size_that_does_not_depend_on_the_texts(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "TEXTS", 20 * N)
    monkeypatch.setattr(links, "MOST_LINKS", 100)
    monkeypatch.setattr(links, "BLOCK", 64)
    ix = build(rng)
    long = ["é" * 10_000 + "\ud800"] * N  # half a pair of surrogates can't be written
    data = told(ix.map(labels=long, payloads=[{"a": "b" * 500}] * N, layout="pca"))
    assert max(map(len, data["texts"])) == 20
    assert data["layers"][0]["held"] == 100 < data["layers"][0]["links"]
    graph = ix.graph().layers[0]
    ends = zip(
        np.repeat(graph.nodes, np.diff(graph.offsets.astype(np.int64))),
        graph.neighbors,
        strict=True,
    )
    every = {(min(a, b), max(a, b)) for a, b in ends}
    assert data["layers"][0]["links"] == len(every)
    assert {
        (a, b) for a, b in numbers(data["layers"][0]["pairs"], np.uint32).reshape(-1, 2)
    } < every
    monkeypatch.setattr(given, "TEXTS", 10**9)
    page = ix.map(labels=["\ud800 x"] * N, layout="pca")
    assert told(page)["texts"][0] == "? x"


def test_large_numbers_are_placed_too(rng: np.random.Generator) -> None:
    ix = vicinal.Index(DIM)
    ix.add((rng.normal(size=(N, DIM)) * 1e16).astype(np.float32))
    data = told(ix.map(layout="pca"))
    assert np.abs(numbers(data["x"], np.float32)).max() == pytest.approx(1, abs=0.5)


def test_what_can_not_be_written_is_said(rng: np.random.Generator, tmp_path: Path) -> None:
    ix = build(rng)
    name = tmp_path / ("x" * 300 + ".html")
    with pytest.raises(vicinal.StorageError, match="can't be written"):
        ix.map(name, layout="pca")
    assert [*tmp_path.iterdir()] == []
