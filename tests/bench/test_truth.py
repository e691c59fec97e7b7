"""Exact answers, and recall that counts ties right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from vicinal.bench import truth
from vicinal.bench.truth import Truth, exact, recall

if TYPE_CHECKING:
    from pathlib import Path

METRICS = ("l2", "cosine", "ip")


def brute(base: np.ndarray, queries: np.ndarray, metric: str) -> np.ndarray:
    """All distances by the definition, one pair at a time."""
    X, Q = base.astype(float), queries.astype(float)
    table = np.empty((len(Q), len(X)))
    for i, q in enumerate(Q):
        for j, x in enumerate(X):
            if metric == "l2":
                table[i, j] = ((q - x) ** 2).sum()
            elif metric == "ip":
                table[i, j] = -(q * x).sum()
            else:
                table[i, j] = 1 - (q * x).sum() / np.sqrt((q * q).sum() * (x * x).sum())
    return table


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_exact_answers_are_those_of_the_definition(metric: str, dtype: type) -> None:
    rng = np.random.default_rng(1)
    base = rng.integers(1, 200, (300, 8)).astype(dtype)
    queries = rng.integers(1, 200, (20, 8)).astype(dtype)
    table = brute(base, queries, metric)
    found = exact(base, queries, 7, metric)
    np.testing.assert_allclose(
        found.distances, np.sort(table, axis=1)[:, :7], rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(np.take_along_axis(table, found.ids, 1), found.distances, atol=1e-12)


def test_blocks_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    base, queries = rng.standard_normal((700, 5)), rng.standard_normal((50, 5))
    whole = exact(base, queries, 10, "l2")
    monkeypatch.setattr(truth, "_BLOCK_ROWS", 64)
    monkeypatch.setattr(truth, "_BLOCK_BYTES", 64 * 8 * 3)
    parts = exact(base, queries, 10, "l2")
    np.testing.assert_array_equal(whole.ids, parts.ids)


def test_cancellation_does_not_change_the_order() -> None:
    """Far from the origin |x|² - 2qx + |q|² has no digits left for distances near 0."""
    base = (1e8 + np.arange(40) * 1e-3).reshape(-1, 1)
    queries = base[[20]]
    found = exact(base, queries, 5, "l2")
    assert found.ids[0, 0] == 20
    assert set(found.ids[0].tolist()) == {18, 19, 20, 21, 22}


def test_more_neighbours_than_rows_are_all_rows() -> None:
    base = np.eye(3, dtype=np.float32)
    assert exact(base, base, 10, "l2").ids.shape == (3, 3)


def counted(base: np.ndarray, queries: np.ndarray, found: list[list[int]], k: int) -> list[int]:
    answers = exact(base, queries, k, "l2")
    return recall(base, queries, np.array(found, np.int64), answers, "l2").tolist()


def test_any_of_the_rows_at_the_kth_distance_is_right() -> None:
    base = np.array([[0], [1], [1], [1], [2]], np.uint8)
    queries = np.zeros((4, 1), np.uint8)
    found = [[0, 1], [0, 2], [3, 2], [0, 4]]
    assert counted(base, queries, found, 2) == [2, 2, 2, 1]


def test_an_id_given_twice_counts_once_and_padding_never() -> None:
    base = np.array([[0], [1], [2]], np.uint8)
    queries = np.zeros((4, 1), np.uint8)
    found = [[0, 0], [1, -1], [-1, -1], [7, 0]]
    assert counted(base, queries, found, 2) == [1, 1, 0, 1]


def test_order_does_not_matter_and_extra_columns_are_ignored() -> None:
    base = np.arange(6, dtype=np.uint8).reshape(-1, 1)
    assert counted(base, base[:1], [[2, 0, 1, 5, 4]], 3) == [3]
    assert counted(base, base[:1], [[5, 0, 4, 1, 2]], 3) == [1]


def test_integers_are_compared_to_the_last_unit() -> None:
    """As float32 the two distances would be the same."""
    base = np.array([[65_535, 65_535], [65_535, 65_534]], np.uint16)
    queries = np.zeros((2, 2), np.uint16)
    assert counted(base, queries, [[1], [0]], 1) == [1, 0]


def test_floats_that_float32_cannot_tell_apart_are_ties() -> None:
    base = np.array([[1.0], [1.0 + 1e-8], [1.001]])
    queries = np.zeros((3, 1))
    assert counted(base, queries, [[0], [1], [2]], 1) == [1, 1, 0]


def test_answers_survive_a_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    base = rng.standard_normal((20, 3))
    answers = exact(base, base[:4], 3, "ip")
    path = tmp_path / "truth.npz"
    answers.save(path)
    again = Truth.load(path)
    np.testing.assert_array_equal(answers.ids, again.ids)
    np.testing.assert_array_equal(answers.distances, again.distances)
