"""`explain` is the search itself, told: same answer, same counters, and a way that adds up."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import vicinal
from support import CASES, distances, make_rows
from vicinal.explain.tell import ENDINGS

DIM, N = 24, 600


def build(
    rng: np.random.Generator, metric: str, dtype: str, layout: str = "compact", n: int = N
) -> tuple[vicinal.Index, np.ndarray]:
    rows = make_rows(rng, dtype, n, DIM)
    ix = vicinal.Index(DIM, metric, dtype, M=4, ef_construction=30, layout=layout)
    ix.add(rows, ids=np.arange(n) * 3 + 1, threads=1)
    return ix, rows


@pytest.mark.parametrize(("metric", "dtype", "layout"), CASES)
def test_the_way_is_that_of_the_search(
    rng: np.random.Generator, metric: str, dtype: str, layout: str
) -> None:
    ix, rows = build(rng, metric, dtype, layout)
    queries = make_rows(rng, dtype, 5, DIM)
    some = vicinal.IdSet(ix.ids()[::2])
    for query in queries:
        true = dict(
            zip(ix.ids().tolist(), distances(metric, dtype, query[None], rows)[0], strict=True)
        )
        for allowed in (None, some):
            how = {"ef_search": 20, "filter": allowed, "plan": "graph"}
            way = ix.explain(query, k=5, **how)
            asked = ix.search(query, k=5, counters=True, **how)
            assert way.result.ids.tolist() == asked.ids.tolist()
            assert way.result.distances.tolist() == asked.distances.tolist()
            check_counters(way, asked.counters, layout)
            rounded = dtype == "f32" or (dtype in ("f16", "bf16") and layout == "fast")
            check_way(way, true, tolerance=0.03 if rounded else 1e-3)


def check_counters(way: vicinal.Explanation, counters: vicinal.Counters, layout: str) -> None:
    for name in ("distance_evaluations", "hops", "reranked", "estimates", "matching", "plan"):
        assert getattr(way.counters, name) == getattr(counters, name), name
    # A walk over codes begins where the descent leaves layer 2.
    skipped = 1 if layout == "fast" else -1
    hops = dict(enumerate(counters.hops_per_layer.tolist()))
    assert hops.pop(skipped, 0) == 0
    assert {layer.layer: len(layer.hops) for layer in way.layers} == hops
    assert len(way.reranked) == counters.reranked
    for layer in way.layers:
        seen = sum(len(hop.seen_ids) for hop in layer.hops)
        entry = int(layer.layer == len(counters.hops_per_layer) - 1)
        coded = layer.layer == 0 and layout == "fast"
        measured = len(layer.hops) if coded else seen
        assert counters.evaluations_per_layer[layer.layer] == measured + entry
        if coded:
            assert seen == counters.estimates


def check_way(way: vicinal.Explanation, true: dict[int, float], tolerance: float) -> None:
    scale = max(abs(d) for d in true.values())
    for layer in way.layers:
        for hop in layer.hops:
            assert hop.distance == pytest.approx(true[hop.id], abs=tolerance * scale)
        if layer.layer > 0:
            steps = [hop.distance for hop in layer.hops]
            assert steps == sorted(steps, reverse=True)
            assert layer.hops[-1].seen_distances.min(initial=np.inf) >= steps[-1]
            for hop, following in zip(layer.hops, layer.hops[1:], strict=False):
                assert hop.seen_distances.min() == following.distance
                assert following.id in hop.seen_ids
    ends = [layer.hops[-1].id for layer in way.layers[:-1]]
    assert ends == [layer.entry for layer in way.layers[1:]]
    for candidate in way.reranked:
        assert candidate.after == pytest.approx(true[candidate.id], rel=1e-5, abs=1e-6)
    by_place = sorted(way.reranked, key=lambda c: c.became)
    assert [c.after for c in by_place] == sorted(c.after for c in way.reranked)
    assert {c.id for c in way.reranked} <= set(way.visited.tolist())


def test_it_is_told_in_three_ways(rng: np.random.Generator) -> None:
    ix, rows = build(rng, "l2", "f32")
    way = ix.explain(rows[3], k=4, plan="graph")
    told = json.loads(json.dumps(way.to_dict(), allow_nan=False))
    assert told["ids"] == way.result.ids.tolist()
    assert [layer["layer"] for layer in told["layers"]] == [layer.layer for layer in way.layers]
    assert told["layers"][-1]["hops"][0]["bound"] is None
    text = str(way)
    assert text.splitlines()[0].startswith("the 4 nearest by l2, ef_search=64: ")
    assert "layer 0: " in text
    assert f"end: {ENDINGS[way.layers[-1].ended]}" in text
    shown = ET.fromstring(way._repr_html_())  # in a notebook
    assert (shown.tag, shown.text) == ("pre", text)
    rich = pytest.importorskip("rich.console")
    console = rich.Console(width=200, record=True, file=io.StringIO())
    console.print(way)
    drawn = console.export_text()
    assert f"found {way.result.counts}" in drawn
    assert "layer 0" in drawn


def test_a_guarantee_is_told_with_what_the_walk_missed(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(6_000, 16)).astype(np.float32)
    ix = vicinal.Index(16, M=3, ef_construction=5)
    ix.add(rows, threads=1)
    missing = 0
    for query in rng.normal(size=(5, 16)).astype(np.float32):
        asked = ix.search(query, 4, ef_search=4, guarantee="exact")
        way = ix.explain(query, 4, ef_search=4, guarantee="exact")
        assert way.proven is not None
        assert asdict(way.proven.certificate) == asdict(asked.certificate)
        assert way.proven.ids.tolist() == ix.search(query, 4, exact=True).ids.tolist()
        told = str(way)
        assert "certified: these are the true neighbours" in told
        assert f"{asked.certificate.measured:,} vectors measured, 6,000 bounded" in told
        missed = {*way.proven.ids.tolist()} - {*way.result.ids.tolist()}
        missing += len(missed)
        assert told.count("not found by the walk") == len(missed)
        assert all(f"not found by the walk: {number} at " in told for number in missed)
        proven = json.loads(json.dumps(way.to_dict(), allow_nan=False))["proven"]
        assert (proven["ids"], proven["epsilon"]) == (way.proven.ids.tolist(), 0.0)
    assert missing > 0
    poor = ix.explain(query, 4, ef_search=4, guarantee="exact", budget=0)
    assert "not certified within the budget" in str(poor)
    assert json.dumps(poor.to_dict(), allow_nan=False)
    near = ix.explain(query, 4, ef_search=4, guarantee=0.5)
    assert f"no distance is more than {1 + near.proven.epsilon:.6g} times" in str(near)
    assert ix.explain(query, 4).to_dict()["proven"] is None
    with pytest.raises(vicinal.InvalidInputError, match="give guarantee"):
        ix.explain(query, 4, budget=3)


def test_a_scan_has_no_way_and_says_so(rng: np.random.Generator) -> None:
    ix, rows = build(rng, "l2", "f32")
    way = ix.explain(rows[3], k=4)
    assert way.counters.plan == "scan"
    assert way.expected["scan"] <= way.expected["graph"]
    assert way.layers == ()
    assert len(way.visited) == 0
    assert way.result.ids.tolist() == ix.search(rows[3], k=4, exact=True).ids.tolist()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_points(rng: np.random.Generator, n: int) -> None:
    rows = make_rows(rng, "f32", n + 1, DIM)
    ix = vicinal.Index(DIM)
    ix.add(rows[:n])
    way = ix.explain(rows[n], plan="graph")
    assert way.result.counts == n
    assert "found" in str(way)
    assert (len(ix.graph().layers) > 0) == (n > 0)


def test_more_than_one_query_is_refused(rng: np.random.Generator) -> None:
    ix, rows = build(rng, "l2", "f32")
    with pytest.raises(vicinal.InvalidInputError, match="one query is explained at a time, not 2"):
        ix.explain(rows[:2])
    assert ix.explain(rows[:1]).result.ids.shape == (10,)


def test_the_graph_in_bulk(rng: np.random.Generator) -> None:
    ix, rows = build(rng, "l2", "f32")
    ix.add(rows[:7])  # copies hang on their nodes
    graph, stats = ix.graph(), ix.stats()
    assert graph.ids.tolist() == ix.ids().tolist()
    assert graph.nodes.tolist() == [*range(N), *range(7)]
    assert [len(layer.nodes) for layer in graph.layers] == stats.nodes_per_layer.tolist()
    for number, layer in enumerate(graph.layers):
        degrees = np.diff(layer.offsets.astype(np.int64))
        counted = np.bincount(degrees, minlength=len(stats.degree_histogram[number]))
        assert counted.tolist() == stats.degree_histogram[number].tolist()
        assert np.isin(layer.neighbors, layer.nodes).all()
        assert (graph.levels[layer.nodes] >= number).all()
    top = graph.layers[-1].nodes
    assert stats.entry_point in graph.ids[top]


@pytest.mark.parametrize("layout", ["compact", "fast"])
def test_what_was_removed_is_no_candidate(rng: np.random.Generator, layout: str) -> None:
    """The node of a removed vector stays where a copy hangs on it, and has the copy's name."""
    ix, rows = build(rng, "l2", "f32", layout)
    ix.add(rows, ids=np.arange(N) * 3 + 2)
    gone = ix.ids()[:N:2]
    ix.remove(gone)
    for query in make_rows(rng, "f32", 5, DIM):
        way = ix.explain(query, ef_search=20, plan="graph")
        told = [*way.result.ids.tolist(), *(candidate.id for candidate in way.reranked)]
        assert np.isin(told, ix.ids()).all()
    for number in ix.search(rows[0], 5, exact=True).ids.tolist():
        why = ix.why_not(rows[0], number, 3, ef_search=3, plan="graph")
        assert why.found or why.cause != "not reachable"


@pytest.mark.parametrize("layout", ["compact", "fast"])
@pytest.mark.parametrize("share", [0.5, 0.05])
def test_what_the_filter_lets_through(rng: np.random.Generator, layout: str, share: float) -> None:
    """Whatever is refused at a hop is no answer; every answer was let through at its hop."""
    ix, rows = build(rng, "l2", "f32", layout)
    mask = np.zeros(int(ix.ids().max()) + 1, bool)
    mask[ix.ids()[rng.random(N) < share]] = True
    forms = (mask, np.flatnonzero(mask), vicinal.IdSet(np.flatnonzero(~mask), deny=True))
    for query, allowed in zip(make_rows(rng, "f32", 3, DIM), forms, strict=True):
        way = ix.explain(query, k=5, ef_search=20, filter=allowed, missing="ignore", plan="graph")
        hops = [hop for layer in way.layers for hop in layer.hops]
        for hop in hops:
            assert hop.allowed == mask[hop.id]
            assert hop.seen_allowed is not None
            assert hop.seen_allowed.tolist() == mask[hop.seen_ids].tolist()
        bottom = way.layers[-1]
        through = {hop.id for hop in bottom.hops if hop.allowed}
        assert bottom.let_through == len(through) > 0
        assert {*way.result.ids.tolist()} <= through
        assert {c.id for c in way.reranked} <= through
        told = way.to_dict()["layers"][-1]
        assert told["let_through"] == len(through)
        assert [hop["allowed"] for hop in told["hops"]] == [hop.allowed for hop in bottom.hops]
        assert told["hops"][0]["seen_allowed"] == bottom.hops[0].seen_allowed.tolist()
        text = str(way)
        assert f"layer 0: {len(bottom.hops)} hops, {len(through)} from what the filter" in text
        some = bottom.hops[0].seen_allowed.sum()
        assert f"{len(bottom.hops[0].seen_ids)} neighbours, {some} of them allowed" in text
        assert "refused by the filter" in text
    free = ix.explain(rows[0], plan="graph")
    assert free.layers[-1].let_through is None
    assert {hop.allowed for layer in free.layers for hop in layer.hops} == {None}
    assert "filter" not in str(free)
