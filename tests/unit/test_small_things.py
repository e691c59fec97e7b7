"""The progress line, the faces of results and indexes, and the command without its extra."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

import vicinal
from vicinal.progress import Line, reporter

if TYPE_CHECKING:
    from collections.abc import Callable


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_progress_line_is_rewritten_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    line = Line()
    line.began -= 10.0
    line(2500, 10_000)
    shown = screen.getvalue()
    assert shown.startswith("\r 25%  2,500 of 10,000  ")
    assert "/s  0:3" in shown  # some 30 s left
    assert shown.endswith("left \x1b[K")
    line.close()
    assert screen.getvalue().endswith("\n")


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_the_progress_line_is_for_terminals_only(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO | None
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    vicinal.Index(2).add(np.ones((3, 2)), progress=True)
    assert stream is None or stream.getvalue() == ""


def test_progress_true_shows_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    vicinal.Index(2).add(np.ones((3, 2)), progress=True)
    assert screen.getvalue().startswith("\r100%  3 of 3")
    assert screen.getvalue().endswith("\n")


def test_the_line_is_ended_when_the_call_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(Line, "__call__", stopping(Line.__call__))
    with pytest.raises(KeyboardInterrupt):
        vicinal.Index(2).add(np.ones((3, 2)), progress=True)
    assert screen.getvalue().endswith("left \x1b[K\n")


def stopping(shown: Callable[[Line, int, int], None]) -> Callable[[Line, int, int], None]:
    def show(line: Line, done: int, total: int) -> None:
        shown(line, done, total)
        raise KeyboardInterrupt

    return show


def test_no_progress_needs_no_callback() -> None:
    assert reporter(False) is None
    assert reporter(None) is None


def test_things_say_what_they_are() -> None:
    index = vicinal.Index(8, "cosine", "f16", M=12, ef_construction=50, seed=7)
    index.add(np.eye(3, 8))
    assert repr(index) == (
        "Index(dim=8, metric='cosine', dtype='f16', M=12, ef_construction=50, seed=7) of 3 vectors"
    )
    assert repr(index.search(np.eye(2, 8), 3)).startswith("SearchResult(2x3 cosine\nids=[[0")
    assert len(index) == 3
    assert (index.dim, index.metric, index.dtype, index.M) == (8, "cosine", "f16", 12)
    assert (index.ef_construction, index.seed, index.level_p) == (50, 7, 1 / 12)


def test_an_index_has_no_attributes_to_mistype() -> None:
    index = vicinal.Index(8)
    with pytest.raises(AttributeError):
        index.ef_search = 100  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        index.dim = 9  # type: ignore[misc]
