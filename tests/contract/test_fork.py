"""After a fork an index works in both processes, unless an add ran: then the child is told."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

BEGIN = """
import os, threading, warnings
import numpy as np
import vicinal

warnings.simplefilter("ignore", DeprecationWarning)  # that fork and threads go badly together
X = np.random.default_rng(0).random((8_000, 32), dtype=np.float32)
index = vicinal.Index(32, ef_construction=200)
index.add(X[:1000])
index.search(X[:500])

def in_a_child(work):
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(repr(error), flush=True)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""

WORKS = """
def work():
    assert (index.search(X[:500], 1).ids[:, 0] == np.arange(500)).mean() > 0.99
    assert (index.search(X[:500], 1, exact=True).ids[:, 0] == np.arange(500)).all()
    assert len(index.add(X[1000:1500])) == 500
    assert index.verify().ok

assert in_a_child(work) == 0
assert len(index) == 1000
work()
"""

DURING_AN_ADD = """
adding = threading.Event()
forked = threading.Event()

def progress(done, total):
    if done > 200:
        adding.set()

adder = threading.Thread(target=index.add, args=(X[1000:],), kwargs={"progress": progress})
adder.start()
assert adding.wait(60)

def work():
    calls = [
        lambda: index.search(X[0]), lambda: index.search(X[0], exact=True), lambda: 5 in index,
        lambda: index.get(5), index.ids, index.stats, index.verify,
        lambda: index.add(X[:1]), lambda: index.save("/dev/null"),
    ]
    for call in calls:
        try:
            call()
        except vicinal.ForkedError as error:
            assert "forked while another thread was adding to the index" in str(error)
        else:
            raise AssertionError("not refused")
    # Another index is as good as ever.
    other = vicinal.Index(32)
    other.add(X[:500])
    assert other.search(X[7], 1).ids == [7]

assert in_a_child(work) == 0
adder.join()
assert len(index) == 8_000
assert index.verify().ok
"""


@pytest.mark.parametrize("story", [WORKS, DURING_AN_ADD], ids=["quiet", "during an add"])
def test_fork(story: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", BEGIN + story], capture_output=True, text=True, timeout=100
    )
    assert told.returncode == 0, told.stdout + told.stderr
