"""Fused lists are ranked as the formulas say, and the same every time."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal.errors import InvalidInputError
from vicinal.text import reciprocal_rank, weighted

scores = st.floats(-1e300, 1e300).map(lambda x: x + 0.0)
ranked = st.dictionaries(st.integers(0, 12), scores, max_size=8).map(
    lambda items: sorted(items.items(), key=lambda pair: -pair[1])
)
lists = st.lists(ranked, max_size=4)


@given(lists)
def test_reciprocal_ranks_add_up(given_lists: list[list[tuple[int, float]]]) -> None:
    expected: dict[int, Fraction] = {}
    for one in given_lists:
        for rank, (item, _) in enumerate(one, 1):
            expected[item] = expected.get(item, Fraction(0)) + Fraction(1, 60 + rank)
    fused = reciprocal_rank(given_lists)
    assert dict(fused) == pytest.approx({item: float(score) for item, score in expected.items()})
    assert [score for _, score in fused] == sorted((s for _, s in fused), reverse=True)


@given(lists)
def test_stretched_scores_add_up(given_lists: list[list[tuple[int, float]]]) -> None:
    expected: dict[int, float] = {}
    for one in given_lists:
        values = [Fraction(score) for _, score in one]
        for item, score in one:
            span = max(values) - min(values)
            share = (Fraction(score) - min(values)) / span if span else Fraction(1)
            expected[item] = expected.get(item, 0.0) + float(share)
    assert dict(weighted(given_lists)) == pytest.approx(expected, abs=1e-9)


@given(lists, st.randoms(use_true_random=False))
def test_the_order_of_lists_changes_no_score(given_lists: list[Any], random: Any) -> None:
    shuffled = given_lists.copy()
    random.shuffle(shuffled)
    for fuse in (reciprocal_rank, weighted):
        assert dict(fuse(shuffled)) == dict(fuse(given_lists))


def test_equal_scores_are_ordered_by_best_rank_then_list() -> None:
    assert reciprocal_rank([[("a", 1), ("b", 1)], [("c", 1), ("d", 1)]]) == [
        *(("a", 1 / 61), ("c", 1 / 61)),
        *(("b", 1 / 62), ("d", 1 / 62)),
    ]
    assert [item for item, _ in weighted([[("b", 1)], [("a", 1)]])] == ["b", "a"]


def test_weights_count() -> None:
    both = [[("a", 2), ("b", 1)], [("b", 2), ("a", 1)]]
    assert [item for item, _ in reciprocal_rank(both, weights=[1, 2])] == ["b", "a"]
    assert [item for item, _ in reciprocal_rank(both, weights=[2, 1])] == ["a", "b"]
    assert weighted(both, weights=[3, 1]) == [("a", 3.0), ("b", 1.0)]
    assert reciprocal_rank([[("a", 1)], []], k=0) == [("a", 1.0)]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: reciprocal_rank([[("a", 1), ("a", 2)]]), "'a' twice"),
        (lambda: reciprocal_rank([[("a", 1)]], weights=[1, 2]), "2 weights for 1 lists"),
        (lambda: reciprocal_rank([[("a", 1)]], weights=[-1]), "0 or more"),
        (lambda: reciprocal_rank([[("a", 1)]], k=-1), "0 or more"),
        (lambda: weighted([[("a", float("nan"))]]), "NaN"),
        (lambda: weighted([[("a", 1)]], weights=[float("inf")]), "0 or more"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(call: Any, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        call()
