"""Arguments out of their range or of another type are refused with what is possible instead."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vicinal
from vicinal import InvalidInputError, InvalidTypeError

if TYPE_CHECKING:
    from collections.abc import Callable

DIM = 4
GOOD = np.arange(20, dtype=np.float32).reshape(5, DIM) + 1

CONSTRUCTOR: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"dim": 0}, InvalidInputError, r"dim must be from 1 to 65,536, not 0"),
    ({"dim": -1}, InvalidInputError, r"dim must be from 1 to 65,536, not -1"),
    ({"dim": 65_537}, InvalidInputError, r"dim must be from 1 to 65,536, not 65,537"),
    ({"dim": 2**70}, InvalidInputError, r"dim must be from 1 to 65,536"),
    ({"dim": 4.0}, InvalidTypeError, r"dim must be an integer, not 4\.0 of type float"),
    ({"dim": True}, InvalidTypeError, r"dim must be an integer, not True of type bool"),
    ({"dim": "4"}, InvalidTypeError, r"dim must be an integer, not '4' of type str"),
    ({"dim": None}, InvalidTypeError, r"dim must be an integer, not None"),
    ({"dim": np.array([4, 4])}, InvalidTypeError, r"dim must be an integer"),
    ({"metric": "L2"}, InvalidInputError, r'unknown metric "L2"; choose one of l2, sqeuclidean'),
    ({"metric": 2}, InvalidTypeError, r"metric must be a string, not 2"),
    ({"dtype": "float32"}, InvalidInputError, r"unknown dtype .float32.; choose one of f32, f16"),
    ({"dtype": np.float32}, InvalidTypeError, r"dtype must be a string"),
    (
        {"metric": "l2", "dtype": "bits"},
        InvalidInputError,
        r'metric "l2" does not go with dtype "bits"',
    ),
    ({"metric": "hamming"}, InvalidInputError, r'metric "hamming" does not go with dtype "f32"'),
    ({"M": 1}, InvalidInputError, r"M must be from 2 to 512, not 1"),
    ({"M": 513}, InvalidInputError, r"M must be from 2 to 512, not 513"),
    ({"M": 16.0}, InvalidTypeError, r"M must be an integer"),
    ({"ef_construction": 0}, InvalidInputError, r"ef_construction must be from 1 to 100,000"),
    ({"seed": -1}, InvalidInputError, r"seed must be from 0"),
    ({"seed": 2**64}, InvalidInputError, r"seed must be from 0"),
    ({"seed": None}, InvalidTypeError, r"seed must be an integer"),
    ({"level_p": 0.0}, InvalidInputError, r"level_p must be above 0 and at most 0\.9, not 0"),
    ({"level_p": 1.0}, InvalidInputError, r"level_p must be above 0 and at most 0\.9, not 1"),
    ({"level_p": float("nan")}, InvalidInputError, r"level_p must be above 0"),
    ({"level_p": "0.5"}, InvalidTypeError, r"level_p must be a number, not '0.5'"),
    ({"level_p": True}, InvalidTypeError, r"level_p must be a number, not True"),
    ({"level_p": [0.5]}, InvalidTypeError, r"level_p must be a number, not \[0\.5\]"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), CONSTRUCTOR)
def test_bad_parameters_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        vicinal.Index(**{"dim": DIM, **arguments})


@pytest.mark.parametrize("dim", [1, 65_536])
def test_the_smallest_and_largest_dimension_work(dim: int) -> None:
    index = vicinal.Index(dim, dtype="u8")
    index.add(np.eye(3, dim, dtype=np.uint8) * 255)
    assert index.search(np.eye(1, dim, dtype=np.uint8) * 255, 1).ids == [[0]]


SEARCH: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"k": 0}, InvalidInputError, r"k must be from 1 to 100,000,000, not 0"),
    ({"k": -3}, InvalidInputError, r"k must be from 1 .*, not -3"),
    ({"k": 10**8 + 1}, InvalidInputError, r"k must be from 1"),
    ({"k": 2**80}, InvalidInputError, r"k must be from 1"),
    ({"k": 1.0}, InvalidTypeError, r"k must be an integer, not 1\.0"),
    ({"k": True}, InvalidTypeError, r"k must be an integer, not True"),
    ({"k": None}, InvalidTypeError, r"k must be an integer, not None"),
    ({"ef_search": 0}, InvalidInputError, r"ef_search must be from 1 .*, not 0"),
    ({"ef_search": "64"}, InvalidTypeError, r"ef_search must be an integer"),
    ({"threads": -1}, InvalidInputError, r"threads must be from 0 to 1,024, not -1"),
    ({"threads": 10**6}, InvalidInputError, r"threads must be from 0 to 1,024"),
    ({"threads": 1.5}, InvalidTypeError, r"threads must be an integer"),
    ({"threads": False}, InvalidTypeError, r"threads must be an integer, not False"),
    ({"exact": 1}, InvalidTypeError, r"exact must be True or False, not 1"),
    ({"counters": "yes"}, InvalidTypeError, r"counters must be True or False, not 'yes'"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), SEARCH)
def test_bad_search_arguments_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    index = vicinal.Index(DIM)
    index.add(GOOD)
    calls: list[Callable[..., Any]] = [index.search]
    if not arguments.keys() & {"exact", "counters"}:
        calls.append(index.measure_recall)
        if "ef_search" not in arguments:
            calls.append(lambda Q, **given: vicinal.knn(GOOD, Q, **given))
        if "threads" in arguments:
            calls.append(index.add)
    for call in calls:
        with pytest.raises(error, match=message):
            call(GOOD, **arguments)
    assert len(index) == 5


def test_numbers_of_numpy_are_as_good_as_python_s() -> None:
    index = vicinal.Index(np.int32(DIM), M=np.uint8(8), seed=np.int64(3), level_p=np.float32(0.5))
    assert (index.dim, index.M, index.seed, index.level_p) == (4, 8, 3, 0.5)
    index.add(GOOD, threads=np.int8(1))
    found = index.search(GOOD, np.int64(2), ef_search=np.uint16(9), exact=np.True_)  # type: ignore[arg-type]
    assert found.ids.shape == (5, 2)


def test_asking_for_more_than_memory_holds_is_an_error_not_a_crash() -> None:
    index = vicinal.Index(DIM)
    index.add(GOOD)
    queries = np.broadcast_to(GOOD[0], (1_000_000, DIM)).copy()
    for exact in (False, True):
        with pytest.raises(vicinal.OutOfMemoryError, match=r"out of memory: 1000000 queries"):
            index.search(queries, 10**8, exact=exact)
    wide = vicinal.Index(65_536)
    with pytest.raises(vicinal.OutOfMemoryError, match=r"out of memory: 20000000 vectors"):
        wide.get(np.zeros(20_000_000, np.int64))
    # However large, ef_search is no more than the vectors there are.
    assert index.search(GOOD, 2, ef_search=2**31 - 1).ids.shape == (5, 2)


@pytest.mark.parametrize("progress", [1, "yes", [], 0])
def test_progress_is_a_flag_or_a_function(progress: Any) -> None:
    with pytest.raises(InvalidTypeError, match=r"progress must be True, False or a function"):
        vicinal.Index(DIM).add(GOOD, progress=progress)


@pytest.mark.parametrize("bad", [GOOD[0], GOOD[None], 3.0])
def test_knn_wants_rows_in_two_dimensions(bad: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"X must have the shape \(n, dim\), not \("):
        vicinal.knn(bad, GOOD)


def test_an_index_is_saved_not_pickled() -> None:
    index = vicinal.Index(DIM)
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(InvalidTypeError, match=r"save\(\) it, and open"):
            copied(index)
