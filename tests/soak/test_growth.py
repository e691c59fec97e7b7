"""An index that grew from ten vectors, in batches of all sizes, beside one that was built at once.

Some thousand vectors here, 100,000 by ``make soak``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import vicinal
from support import THOROUGH
from vicinal.datasets import sift_like

if TYPE_CHECKING:
    from numpy.typing import NDArray

N = 100_000 if THOROUGH else 5_000
K, FIRST = 10, 10


def sizes(rng: np.random.Generator) -> list[int]:
    """Batches from one vector to a tenth of all, each size as likely as twice of it."""
    left, batches = N - FIRST, [FIRST]
    while left:
        size = min(left, int(np.exp(rng.uniform(0, np.log(N / 10)))))
        batches.append(size)
        left -= size
    return batches


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("layout", ["fast", "compact"])
def test_an_index_that_grew_has_the_shape_and_the_recall_of_one_built_at_once(
    rng: np.random.Generator, layout: str
) -> None:
    source = sift_like(N, seed=1)
    X, Q = np.asarray(source, np.float32), np.asarray(source.queries(1000), np.float32)
    grown, whole = (vicinal.Index(X.shape[1], layout=layout) for _ in range(2))
    batches = sizes(rng)
    for start, size in zip(np.cumsum([0, *batches]), batches, strict=False):
        grown.add(X[start : start + size])
    whole.add(X)
    truth = whole.search(Q, K, exact=True).distances[:, -1:]

    def quality(index: vicinal.Index, ef: int) -> tuple[float, float]:
        found = index.search(Q, K, ef_search=ef, plan="graph", counters=True)
        assert found.counters is not None
        near = found.distances <= truth * (1 + 1e-6)
        return float(near.mean()), float(found.counters.distance_evaluations.mean())

    def links(histogram: NDArray[np.int64]) -> float:
        return float(histogram @ np.arange(len(histogram)) / histogram.sum())

    for index in (grown, whole):
        report = index.verify()
        assert report.ok, report.broken
        assert report.reachable == N
        assert report.unreturned_links == 0
    shapes = [index.stats() for index in (grown, whole)]
    degrees = [[links(layer) for layer in stats.degree_histogram] for stats in shapes]
    print(f"{layout}: {len(batches)} batches, nodes {shapes[0].nodes_per_layer.tolist()}")
    print("links a node, grown and at once:", *np.round(degrees, 1).tolist())
    assert np.array_equal(shapes[0].nodes_per_layer, shapes[1].nodes_per_layer)
    assert sum(shapes[0].bytes.values()) == sum(shapes[1].bytes.values())
    assert abs(degrees[0][0] / degrees[1][0] - 1) < 0.1
    figures = {ef: [quality(index, ef) for index in (grown, whole)] for ef in (16, 32, 64)}
    for ef, ((recall, effort), (best, least)) in figures.items():
        print(f"ef {ef}: {recall:.4f} and {effort:.1f}; {best:.4f} and {least:.1f}")
    for ef, ((recall, effort), (best, least)) in figures.items():
        # What lists of 16 miss of ten neighbours shows most of how a graph was made.
        assert recall >= best - {16: 0.02, 32: 0.01, 64: 0.005}[ef]
        assert effort <= 1.10 * least
