"""Collections asked otherwise: within a radius, and for answers that differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import vicinal
from support import SPACES, distances, make_rows
from vicinal import field as f

N, DIM = 400, 20


@pytest.fixture(params=SPACES, ids=lambda space: "-".join(space))
def town(request, db, rng) -> Any:
    """A collection with a graph, rows behind it, and gaps in both; and what is in it."""
    metric, dtype = request.param
    rows = make_rows(rng, dtype, N, DIM)
    docs = db.collection("docs", dim=DIM, metric=metric, dtype=dtype, if_missing="create")
    docs.upsert(range(300), rows[:300], [{"n": n} for n in range(300)])
    docs.compact()
    docs.upsert(range(300, N), rows[300:], [{"n": n} for n in range(300, N)])
    docs.delete([*range(40), *range(290, 310)])
    held = [*range(40, 290), *range(310, N)]
    return docs, rows, held, make_rows(rng, dtype, 4, DIM), metric, dtype


@pytest.mark.parametrize("condition", [None, f.n < 350], ids=["all", "some"])
def test_all_within_a_distance_are_found(town, condition) -> None:
    docs, rows, held, queries, metric, dtype = town
    if condition is not None:
        held = [n for n in held if n < 350]
    truth = distances(metric, dtype, queries, rows[held])
    for rank in (0, 7, 100):
        ends = np.unique(truth[0].round(6))
        rank = min(rank, len(ends) - 2)
        radius = float(ends[rank : rank + 2].mean())
        for limit in (None, 5):
            found = docs.search_radius(queries, radius, limit=limit, filter=condition)
            for row, hits in enumerate(found):
                within = np.sort(truth[row][truth[row] <= radius])[:limit]
                assert np.allclose(hits.distances, within, rtol=2e-3, atol=2e-3)
                assert len(set(hits.ids)) == len(hits.ids) == len(within)
                assert {hit.payload["n"] for hit in hits} == set(hits.ids) <= set(held)
        assert docs.search_radius(queries[0], radius, filter=condition) == found[0] or limit


def test_diverse_answers_are_those_of_an_index(town) -> None:
    docs, rows, held, queries, metric, dtype = town
    index = vicinal.Index(DIM, metric, dtype)
    index.add(rows[held], held)
    for share in (0.0, 0.3, 1.0):
        theirs = index.search(queries, 6, mmr=share, exact=True)
        ours = docs.search(queries, 6, mmr=share, exact=True)
        for row, hits in enumerate(ours):
            assert np.allclose(hits.distances, theirs.distances[row], rtol=1e-6)
        assert docs.search(queries[0], 6, mmr=share, exact=True) == ours[0]
    assert docs.search(queries[0], 6, mmr=0.0, exact=True) == docs.search(queries[0], 6, exact=True)


def test_recommendations_may_differ_from_each_other(db, rng) -> None:
    docs = db.collection("docs", dim=2, metric="l2", if_missing="create")
    spots = np.repeat([[1.0, 0.0], [0.0, 1.2], [-1.5, 0.0]], 5, axis=0)
    docs.upsert(range(15), spots + 0.001 * rng.random((15, 2)))
    docs.upsert(["me"], [[0.0, 0.0]])
    near, varied = (docs.recommend(["me"], k=3, mmr=mmr).ids for mmr in (None, 0.7))
    assert {i // 5 for i in near} == {0}
    assert len({i // 5 for i in varied}) == 3
    assert "me" not in near + varied
    assert docs.recommend(["me"], k=20, mmr=0.5).ids != []
    assert len(docs.recommend(["me"], k=20, mmr=0.5)) == 15


def test_nothing_is_within_an_empty_collection(db) -> None:
    docs = db.collection("docs", dim=2, if_missing="create")
    assert docs.search_radius([1, 0], 5.0).ids == []
    assert docs.search([1, 0], mmr=0.5).ids == []
    assert docs.search_radius(np.empty((0, 2)), 1.0) == []


@pytest.mark.parametrize(
    ("method", "wrong", "told"),
    [
        ("search_radius", {"r": -1}, "radius must be a distance"),
        ("search_radius", {"r": float("nan")}, "radius must be a distance"),
        ("search_radius", {"r": "far"}, "r must be a number"),
        ("search_radius", {"r": 1, "limit": 0}, "limit must be"),
        ("search_radius", {"r": 1, "vector": [[1.0]]}, "1 components"),
        ("search", {"mmr": 1.5}, "mmr must be from 0"),
        ("search", {"mmr": 0.5, "group_by": "n"}, "don't go together"),
        ("search", {"exact": True, "plan": "graph"}, "not exact"),
        ("search", {"plan": "fast"}, "plan"),
    ],
)
def test_what_makes_no_sense_is_refused(db, method, wrong, told) -> None:
    docs = db.collection("docs", dim=2, if_missing="create")
    with pytest.raises(vicinal.VicinalError, match=told):
        getattr(docs, method)(**{"vector": [1, 0], **wrong})
