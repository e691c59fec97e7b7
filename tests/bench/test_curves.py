"""The arithmetic that turns timings into figures."""

from __future__ import annotations

import math

import pytest

from vicinal.bench.curves import (
    Spread,
    between,
    frontier,
    qps_at,
    ratio_at,
    spread_at,
    value_at,
)


def test_the_frontier_drops_what_another_point_beats_in_both() -> None:
    points = [(0.9, 100.0), (0.95, 120.0), (0.97, 80.0), (0.97, 90.0), (0.99, 85.0), (0.8, 200.0)]
    assert frontier(points) == [(0.8, 200.0), (0.95, 120.0), (0.97, 90.0), (0.99, 85.0)]


def test_speed_between_two_points_falls_by_equal_ratios() -> None:
    curve = [(0.90, 1000.0), (0.98, 10.0)]
    assert qps_at(curve, 0.94) == pytest.approx(100.0)
    assert qps_at(curve, 0.92) == pytest.approx(10**2.5)
    assert qps_at(curve, 0.98) == pytest.approx(10.0)


def test_who_is_better_than_asked_at_the_least_effort_gets_that_speed() -> None:
    assert qps_at([(1.0, 42.0)], 0.9) == 42.0
    assert qps_at([(0.93, 500.0), (0.99, 50.0)], 0.9) == 500.0


def test_who_never_gets_there_gets_nothing() -> None:
    assert qps_at([(0.8, 500.0), (0.94, 50.0)], 0.95) is None
    assert qps_at([], 0.5) is None


def test_a_spread_needs_every_round_to_get_there() -> None:
    rounds = [[(0.9, 10.0), (1.0, 4.0)], [(0.9, 20.0), (1.0, 8.0)], [(0.9, 12.0), (1.0, 6.0)]]
    assert spread_at(rounds, 0.9) == Spread(12.0, 10.0, 20.0)
    assert spread_at([*rounds, [(0.9, 10.0)]], 0.95) is None
    assert spread_at([], 0.9) is None


def test_noise_common_to_a_round_cancels_in_the_ratio() -> None:
    mine = [[(1.0, 30.0 * noise)] for noise in (1.0, 0.25, 3.0)]
    theirs = [[(1.0, 10.0 * noise)] for noise in (1.0, 0.25, 3.0)]
    assert ratio_at(mine, theirs, 0.9) == Spread(3.0, 3.0, 3.0)
    assert ratio_at(mine, [[(0.5, 1.0)]] * 3, 0.9) is None


def test_counts_are_read_linearly_and_only_where_they_were_measured() -> None:
    points = [(0.9, 100.0), (0.8, 50.0)]
    assert value_at(points, 0.85) == pytest.approx(75.0)
    assert value_at(points, 0.9) == pytest.approx(100.0)
    assert value_at(points, 0.95) is None
    assert value_at(points, 0.7) is None


def test_efforts_are_added_until_the_targets_are_bracketed_closely() -> None:
    def recall(effort: int) -> float:
        return 1 - 1 / effort

    known = [(effort, recall(effort)) for effort in (10, 100, 1000)]
    added = []
    while effort := between(known, [0.95, 0.99], 1.1):
        added.append(effort)
        known.append((effort, recall(effort)))
        assert len(added) < 50
    for target in (0.95, 0.99):
        below = max(effort for effort, reached in known if reached < target)
        above = min(effort for effort, reached in known if reached >= target)
        assert above <= math.ceil(1.1 * below)
    assert not any(200 < effort < 1000 for effort in added), "no effort wasted far from a target"


def test_neighbouring_integers_are_close_enough() -> None:
    assert between([(2, 0.5), (3, 1.0)], [0.9]) is None
    assert between([(1, 0.96), (9, 1.0)], [0.9]) is None, "there is nothing below the target"
