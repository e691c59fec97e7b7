"""What a collection certifies is true of its records, in the graph, behind it or replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support import distances, make_rows
from vicinal import field as f
from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    import vicinal


def lived_on(db: vicinal.Database, rng: np.random.Generator, metric: str, dtype: str) -> Any:
    """Most in a graph, of which some were deleted or replaced since, and some behind it."""
    docs = db.collection("docs", dim=20, metric=metric, dtype=dtype, if_missing="create")
    rows = make_rows(rng, dtype, 700, 20)
    docs.upsert(range(600), rows[:600], [{"n": i} for i in range(600)])
    docs.compact()
    docs.upsert(range(100, 160), rows[600:660])
    docs.upsert(range(600, 640), rows[660:])
    docs.delete(range(50))
    assert docs.stats().graphs["vector"].vectors > 500
    return docs


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("metric", "dtype"),
    [("l2", "f32"), ("sqeuclidean", "u8"), ("cosine", "bf16"), ("ip", "f16"), ("hamming", "bits")],
)
def test_a_certified_answer_is_that_of_exact_search(db, rng, metric, dtype) -> None:
    docs = lived_on(db, rng, metric, dtype)
    Q = make_rows(rng, dtype, 6, 20)
    for how in ({}, {"filter": f.n < 400}, {"filter": f.n < 0}):
        exact = docs.search(Q, 10, exact=True, **how)
        found = docs.search(Q, 10, guarantee="exact", plan="graph", ef_search=1, **how)
        for mine, true in zip(found, exact, strict=True):
            assert mine.distances == true.distances
            assert mine.certified
            assert mine.epsilon == 0.0
            assert mine.recall_estimate == true.recall_estimate
        alone = docs.search(Q[0], 10, guarantee="exact", **how)
        assert alone.distances == exact[0].distances
        assert alone.certified


@pytest.mark.usefixtures("eager")
def test_an_epsilon_is_kept_and_a_budget_too(db, rng) -> None:
    docs = lived_on(db, rng, "l2", "f32")
    Q = make_rows(rng, "f32", 20, 20)
    behind = docs.stats().graphs["vector"].rows
    rows = [one.vectors["vector"] for one in docs.get(range(50, 640), vectors=True)]
    truth = np.sort(distances("l2", "f32", Q, np.array(rows)), axis=1)[:, :10]
    before = np.full(len(Q), np.inf)
    for budget in (0, 2, 20, None):
        found = docs.search(
            Q, 10, guarantee=0.2, budget=budget, plan="graph", ef_search=1, payloads=False
        )
        for query, mine in enumerate(found):
            assert np.all(mine.distances <= (1 + mine.epsilon) * truth[query] * (1 + 1.2e-7))
            assert mine.certified == (mine.epsilon <= 0.2)
            assert mine.certificate is not None
            assert budget is None or mine.certificate.measured <= budget + behind
            assert mine.epsilon <= max(before[query], 0.2)
            before[query] = mine.epsilon
        if budget == 0:
            assert not all(mine.certified for mine in found)
    assert np.all(before <= 0.2)


def test_without_a_graph_all_are_compared(db) -> None:
    docs = db.collection("docs", dim=3, if_missing="create")
    assert docs.search([1, 0, 0], guarantee="exact").certified
    docs.upsert(["a", "b"], [[1, 0, 0], [0, 1, 0]])
    hits = docs.search([1, 0, 0], 1, guarantee=0.1, budget=0)
    assert (hits.ids, hits.certified, hits.epsilon) == (["a"], True, 0.0)
    assert hits.certificate.measured == 2
    assert hits[:1].certified
    plain = docs.search([1, 0, 0])
    assert (plain.certificate, plain.certified, plain.epsilon) == (None, False, np.inf)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"guarantee": "sure"}, '"exact"'),
        ({"budget": 5}, "guarantee="),
        ({"guarantee": "exact", "budget": -1}, "budget"),
        ({"guarantee": 0.1}, "inner products"),
        ({"guarantee": "exact", "mmr": 0.5}, "mmr"),
        ({"guarantee": "exact", "group_by": "n"}, "group_by"),
        ({"guarantee": "exact", "target_recall": 0.9}, "target_recall"),
    ],
)
def test_what_cannot_be_guaranteed_is_refused(db, how, message) -> None:
    docs = db.collection("docs", dim=2, metric="ip", if_missing="create")
    with pytest.raises(InvalidInputError, match=message):
        docs.search([1.0, 0.0], 1, **how)
