"""The map of a collection shows its records, and what is asked of them."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

import vicinal
from support import make_rows
from town import DIM, K, N, Town, name, told
from vicinal import field as f

if TYPE_CHECKING:
    from pathlib import Path


def test_the_map_shows_the_records(town: Town, rng: np.random.Generator) -> None:
    pytest.importorskip("plotly")
    queries = make_rows(rng, "f32", 3, DIM)
    how = {"k": K, "ef_search": K, "filter": f.cat != "a"}
    data = told(town.docs.map(None, queries, color="cat", layout="pca", **how))
    there = {str(name(i)): i for i in range(N) if i not in town.gone}
    assert {*data["ids"]} == {*there}
    assert len(data["ids"]) == data["count"] == len(there)
    kinds = np.frombuffer(base64.b64decode(data["color"]["of"]), np.uint8)
    for place, who in enumerate(data["ids"]):
        i = there[who]
        late = "not in the graph yet\n" if i in town.late else ""
        assert data["texts"][place] == f"{late}cat: {'abc'[i % 3]}\nn: {i}"
        assert data["color"]["kinds"][kinds[place]] == "abc"[i % 3]
    for query, asked in zip(data["queries"], queries, strict=True):
        hits = town.docs.explain(asked, K, filter=f.cat != "a", ef_search=K, plan="graph").hits
        assert [data["ids"][place] for place in query["found"]] == [str(i) for i in hits.ids]
        exact = town.docs.search(asked, K, filter=f.cat != "a", exact=True).ids
        assert [data["ids"][place] for place in query["true"]] == [str(i) for i in exact]
        assert {step["allowed"] for step in query["steps"]} == {True, False}
        for missed in query["missed"]:
            who = next(i for i in exact if str(i) == data["ids"][missed["at"]])
            why = town.docs.why_not(asked, who, K, filter=f.cat != "a", ef_search=K, plan="graph")
            assert missed["why"] == str(why)
    assert sum(len(query["missed"]) for query in data["queries"]) > 0


def test_the_map_is_sampled_of_what_is_there(town: Town) -> None:
    pytest.importorskip("plotly")
    drawn = town.docs.map(most=50, layout="pca")
    assert (drawn.shown, drawn.count) == (50, N - len(town.gone))
    assert {*told(drawn)["ids"]} <= {str(name(i)) for i in range(N) if i not in town.gone}


def test_others_may_write_meanwhile(town: Town, rng: np.random.Generator) -> None:
    pytest.importorskip("plotly")
    queries, stop = make_rows(rng, "f32", 2, DIM), threading.Event()

    def turn_over() -> None:
        fresh = np.random.default_rng(3)
        while not stop.is_set():
            some = fresh.choice(N, 30, replace=False).tolist()
            town.docs.delete([name(i) for i in some[:15]])
            town.docs.upsert([name(i) for i in some[15:]], town.rows[some[15:]])

    other = threading.Thread(target=turn_over)
    other.start()
    try:
        for _ in range(5):
            data = told(town.docs.map(None, queries, k=K, ef_search=K, layout="pca"))
            assert 0 < len(data["ids"]) <= N
            assert "" not in data["ids"]
    finally:
        stop.set()
        other.join()


def test_a_map_that_can_not_be_drawn(town: Town, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    page, invalid = tmp_path / "page.html", vicinal.InvalidInputError
    for how, message in (
        ({"color": "dog"}, r"no payload has that field; \['cat', 'n'\] are"),
        ({"queries": np.zeros((101, DIM))}, "at most 100 queries"),
        ({"using": "other"}, "other"),
        ({"layout": "star"}, "unknown layout"),
    ):
        with pytest.raises(invalid, match=message):
            town.docs.map(page, **{"layout": "pca", **how})
    with pytest.raises(vicinal.FileMissingError, match="no such folder"):
        town.docs.map(tmp_path / "nowhere" / "page.html")
    assert not page.exists()
    town.docs.map(page, layout="pca", title="<b>")
    assert "<title>&lt;b&gt;</title>" in page.read_text(encoding="utf-8")
    frame = town.docs.map(layout="pca")._repr_html_()
    assert "A map of town" in frame
