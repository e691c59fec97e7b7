"""A call that is stopped leaves the index as it was before, and says what stopped it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import vicinal
from support import make_rows

if TYPE_CHECKING:
    from pathlib import Path

DIM = 32


class Enough(Exception):  # noqa: N818 - not an error
    pass


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("ids", [False, True])
def test_what_progress_raises_stops_the_add_and_undoes_it(
    rng: np.random.Generator, tmp_path: Path, threads: int, ids: bool
) -> None:
    X = make_rows(rng, "f32", 20_000, DIM)
    index = vicinal.Index(DIM, ef_construction=100)
    index.add(X[:700], ids=np.arange(700) + (9 if ids else 0))
    index.save(tmp_path / "before")
    answers = index.search(X[:100], 5)
    reached = []

    def stop(done: int, total: int) -> None:
        reached.append(done)
        assert total == 19_300
        if done > 500:
            raise Enough

    for _ in range(2):
        with pytest.raises(Enough):
            index.add(X[700:], ids=range(10**6, 10**6 + 19_300), threads=threads, progress=stop)
    assert 500 < reached[-1] < 19_300
    assert len(index) == 700
    assert 10**6 not in index
    assert index.verify().ok
    assert_array_equal(index.search(X[:100], 5).ids, answers.ids)
    index.save(tmp_path / "after")
    assert (tmp_path / "after").read_bytes() == (tmp_path / "before").read_bytes()
    # And it goes on as if nothing had been.
    assert_array_equal(index.add(X[700:900]), np.arange(700, 900) + (9 if ids else 0))
    assert index.verify().ok


def test_a_stopped_first_add_leaves_an_empty_index(rng: np.random.Generator) -> None:
    X = make_rows(rng, "f32", 20_000, DIM)
    index = vicinal.Index(DIM, ef_construction=100)

    def stop(done: int, total: int) -> None:
        raise Enough(done, total)

    with pytest.raises(Enough):
        index.add(X, progress=stop)
    assert len(index) == 0
    assert index.search(X[0]).counts == 0
    assert index.verify().ok
    assert len(index.add(X[:100])) == 100
    assert index.search(X[5], 1).ids == [5]


def interrupted(call: object, *arguments: object, **named: object) -> float:
    """Interrupt a call as Ctrl-C does; give the seconds from the signal to the exception."""
    sent: list[float] = []

    def press() -> None:
        time.sleep(0.3)
        sent.append(time.monotonic())
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    fingers = threading.Thread(target=press)
    fingers.start()
    with pytest.raises(KeyboardInterrupt):
        call(*arguments, **named)  # type: ignore[operator]
    stopped = time.monotonic()
    fingers.join()
    return stopped - sent[0]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("call", ["search", "exact", "knn", "recall"])
def test_ctrl_c_stops_searches(rng: np.random.Generator, call: str) -> None:
    X = make_rows(rng, "f32", 20_000, DIM)
    index = vicinal.Index(DIM, M=4, ef_construction=8)
    index.add(X[:4000])
    Q = np.tile(X, (40, 1))
    took = {
        "search": lambda: interrupted(index.search, Q, 10, ef_search=5000),
        "exact": lambda: interrupted(index.search, Q, exact=True),
        "knn": lambda: interrupted(vicinal.knn, X, Q),
        "recall": lambda: interrupted(index.measure_recall, Q, 10, ef_search=5000),
    }[call]()
    print(f"{took:.3f} s from Ctrl-C to the exception")
    assert took < 10
    assert index.search(X[3], 1, exact=True).ids == [3]


CHILD = """
import sys, time
import numpy as np
import vicinal

X = np.random.default_rng(0).random((60_000, 64), dtype=np.float32)
index = vicinal.Index(64, ef_construction=300)
index.add(X[:1000], threads=1)
index.save(sys.argv[1] + "/before")

def progress(done, total):
    if done > 200:
        print("adding", flush=True)

try:
    index.add(X[1000:], threads=int(sys.argv[2]), progress=progress)
except KeyboardInterrupt:
    print("stopped", flush=True)
index.save(sys.argv[1] + "/after")
assert index.verify().ok
print("valid", len(index), flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("threads", [0, 1])
def test_ctrl_c_during_add_leaves_the_index_as_it_was(tmp_path: Path, threads: int) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path), str(threads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "adding\n"
        child.send_signal(signal.SIGINT)
        began = time.monotonic()
        lines = iter(child.stdout.readline, "")
        assert next(line for line in lines if line != "adding\n") == "stopped\n"
        took = time.monotonic() - began
        print(f"{took:.3f} s from Ctrl-C to the exception")
        assert took < 10  # the promise is 0.2 s; a busy machine is no failure
        assert next(lines) == "valid 1000\n"
        assert child.wait(30) == 0
    assert (tmp_path / "after").read_bytes() == (tmp_path / "before").read_bytes()
