"""Seeded vectors: the same bytes every time, as hard to search as they claim."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vicinal.datasets import binary_like, coffee_city, embedding_like, sift_like
from vicinal.datasets.coffee import KINDS, NEIGHBOURHOODS, TASTES, TOGETHER
from vicinal.datasets.synthetic import DRAWN
from vicinal.errors import InvalidInputError

MAKERS = {
    "coffee_city": lambda n, seed: coffee_city(n, seed),
    "sift_like": lambda n, seed: sift_like(n, 20, seed=seed),
    "embedding_like": lambda n, seed: embedding_like(n, 24, seed=seed),
    "binary_like": lambda n, seed: binary_like(n, 64, seed=seed),
}
each = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@each
def test_a_seed_decides_every_byte(make):
    one, same, other = make(DRAWN + 100, 5), make(DRAWN + 100, 5), make(DRAWN + 100, 6)
    assert one.array().tobytes() == same.array().tobytes()
    assert one.array().tobytes() != other.array().tobytes()
    assert one.queries(50).tobytes() == same.queries(50).tobytes()


@given(rows=st.integers(1, 2 * DRAWN + 5), block=st.integers(1, 3 * DRAWN))
def test_blocks_of_any_size_say_the_same(rows, block):
    source = coffee_city(rows, seed=1)
    blocks = list(source.blocks(block))
    assert all(len(part) == block for part in blocks[:-1])
    assert np.concatenate(blocks).tobytes() == source.array().tobytes()


@each
def test_a_larger_table_begins_with_the_smaller(make):
    small, large = make(1000, 0).array(), make(2 * DRAWN, 0).array()
    np.testing.assert_array_equal(large[:1000], small)
    assert len(np.unique(large[DRAWN:], axis=0)) > DRAWN // 2, "the second block repeats itself"


@each
def test_queries_are_of_the_same_law_but_not_among_the_vectors(make):
    source = make(4000, 0)
    vectors, queries = source.array().astype(float), source.queries(300)
    assert queries.shape == (300, source.shape[1])
    assert queries.dtype == source.dtype
    np.testing.assert_allclose(queries.mean(), vectors.mean(), rtol=0.1, atol=0.02)
    known = {row.tobytes() for row in source.array()}
    assert not any(row.tobytes() in known for row in queries)


def local_dimension(vectors: np.ndarray, queries: np.ndarray, k: int = 50) -> float:
    """Median of Levina and Bickel's maximum-likelihood estimates."""
    products = queries @ vectors.T
    squared = (queries**2).sum(1)[:, None] - 2 * products + (vectors**2).sum(1)
    near = np.sqrt(np.maximum(np.partition(squared, k, axis=1)[:, : k + 1], 1e-9))
    near.sort(axis=1)
    return float(np.median(-1 / np.log(near[:, :-1] / near[:, -1:]).mean(axis=1)))


@pytest.mark.parametrize(
    ("source", "low", "high"),
    [
        (sift_like(20_000), 12, 22),
        (embedding_like(20_000), 15, 27),
        (coffee_city(20_000), 7, 13),
    ],
    ids=["sift", "embedding", "coffee"],
)
def test_few_directions_matter_near_a_point(source, low, high):
    # A cloud without structure of 128 components has 60 and more.
    vectors, queries = source.array().astype(np.float32), source.queries(100).astype(np.float32)
    assert low < local_dimension(vectors, queries) < high


def test_embeddings_have_length_one():
    np.testing.assert_allclose(np.linalg.norm(embedding_like(500).array(), axis=1), 1, rtol=1e-5)


def test_sift_is_of_bytes_or_of_the_same_values_as_floats():
    narrow, wide = sift_like(500, 16), sift_like(500, 16, dtype="f32")
    assert (narrow.array().dtype, wide.array().dtype) == (np.uint8, np.float32)
    np.testing.assert_array_equal(narrow.array(), wide.array())
    assert (narrow.array() == 0).mean() > 0.1, "SIFT has many zeros"


def test_tastes_go_together():
    city = coffee_city(30_000, seed=4)
    tastes = city.array().astype(float)
    correlation = np.corrcoef(tastes.T)

    def between(one: str, other: str) -> float:
        return correlation[TASTES.index(one), TASTES.index(other)]

    assert between("quiet", "music volume") < -0.4
    assert between("wifi", "laptops") > 0.4
    assert between("roast", "acidity") < -0.3
    assert tastes.min() >= 0
    assert tastes.max() <= 100


def test_kinds_and_names_are_what_the_vectors_say():
    city = coffee_city(9_000, seed=4)
    tastes, kinds = city.array(), city.kinds(9_000)
    position = TASTES.index("wifi")
    study = list(KINDS).index("study café")
    assert tastes[kinds == study, position].mean() > tastes[kinds != study, position].mean() + 15
    for number in (0, 17, DRAWN, 8_999):
        shop = city.shop(number)
        assert list(shop.tastes.values()) == tastes[number].tolist()
        assert list(shop.tastes) == list(TASTES)
        assert shop.kind == list(KINDS)[kinds[number]]
        assert shop.neighbourhood in NEIGHBOURHOODS
    assert len({city.shop(number).name for number in range(100)}) > 80
    with pytest.raises(InvalidInputError, match="no shop 9000"):
        city.shop(9_000)


def test_every_taste_named_in_a_kind_exists():
    named = {taste for _, tastes in KINDS.values() for taste in tastes}
    named |= {taste for tastes in TOGETHER for taste in tastes}
    assert named == set(TASTES)
    assert len(TASTES) == len(set(TASTES)) == 32


@pytest.mark.parametrize(
    "make",
    [
        lambda: sift_like(0),
        lambda: sift_like(10, 0),
        lambda: sift_like(10, dtype="f64"),
        lambda: embedding_like(10, 65_537),
        lambda: binary_like(10, 12),
        lambda: coffee_city(10, -1),
        lambda: coffee_city(10, 1 << 64),
        lambda: list(coffee_city(10).blocks(0)),
    ],
)
def test_nonsense_is_refused(make):
    with pytest.raises(InvalidInputError):
        make()


def test_a_source_is_array_like():
    source = sift_like(100, 8)
    assert np.asarray(source).shape == (100, 8) == source.shape
    assert np.asarray(source, np.float32).dtype == np.float32
    assert len(source) == 100
    assert "sift_like(100, 8" in repr(source)
