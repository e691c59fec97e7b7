"""One hierarchy, drawn where it is defined; errors are also the built-in ones one expects."""

from __future__ import annotations

import errno
import inspect
import pickle
import re
from typing import Any

import pytest

import vicinal
from vicinal import errors

ALSO: dict[str, type[Exception]] = {
    "InvalidInputError": ValueError,
    "InvalidTypeError": TypeError,
    "ClosedError": ValueError,
    "NotFoundError": KeyError,
    "OutOfMemoryError": MemoryError,
    "StorageError": OSError,
    "FileMissingError": FileNotFoundError,
    "MissingExtraError": ImportError,
}


def classes() -> list[type[Any]]:
    return [
        c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__
    ]


def test_every_error_is_a_vicinal_error_and_exported() -> None:
    for error in classes():
        assert issubclass(error, vicinal.VicinalError)
        assert error.__name__ in errors.__all__
        assert getattr(vicinal, error.__name__) is error


@pytest.mark.parametrize(("name", "builtin"), ALSO.items())
def test_errors_are_also_the_builtin_ones(name: str, builtin: type[Exception]) -> None:
    assert issubclass(getattr(errors, name), builtin)


def test_the_drawing_shows_the_hierarchy() -> None:
    drawn = re.findall(
        r"^    ([│ ]*)[├└]── (\w+)(?: +\((\w+)\))?", errors.__doc__ or "", re.MULTILINE
    )
    parents = ["VicinalError"]
    for indent, name, builtin in drawn:
        depth = len(indent) // 4 + 1
        bases = {base.__name__ for base in getattr(errors, name).__mro__}
        assert parents[depth - 1] in bases
        assert ALSO.get(name, type(None)).__name__ == (builtin or "NoneType")
        parents[depth:] = [name]
    assert {name for _, name, _ in drawn} | {"VicinalError"} == {c.__name__ for c in classes()}


@pytest.mark.parametrize("error", classes())
def test_messages_are_shown_as_they_are_and_survive_pickling(error: type[Any]) -> None:
    raised = error("row 3 is bad")
    assert str(raised) == "row 3 is bad"
    again = pickle.loads(pickle.dumps(raised))
    assert type(again) is error
    assert str(again) == "row 3 is bad"


def test_storage_errors_keep_the_number_and_the_file() -> None:
    raised = errors.StorageError("no room in /data", errno.ENOSPC, "/data/a")
    again = pickle.loads(pickle.dumps(raised))
    for one in (raised, again):
        assert (str(one), one.errno, one.filename) == ("no room in /data", errno.ENOSPC, "/data/a")


def test_the_base_class_catches_everything_the_library_refuses() -> None:
    for call in (
        lambda: vicinal.Index(0),
        lambda: vicinal.Index("4"),  # type: ignore[arg-type]
        lambda: vicinal.Index(4).get(3),
        lambda: vicinal.Index.open("/nowhere/at.all"),
        lambda: vicinal.knn([[1.0]], [[float("nan")]]),
    ):
        with pytest.raises(vicinal.VicinalError):
            call()
