"""One writer, many readers: other processes, forks, and the end of a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import vicinal

X = np.eye(8, dtype=np.float32)

HOLD = """
import sys, vicinal
db = vicinal.open(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""

FORK = """
import os, sys, warnings
import numpy as np, vicinal

warnings.simplefilter("ignore", DeprecationWarning)  # that fork and threads go badly together
db = vicinal.open(sys.argv[1])
docs = db.collection("docs", dim=2, if_missing="create")
docs.upsert(["a"], np.eye(2)[:1])
child = os.fork()
if child == 0:
    calls = [
        lambda: docs.get(["a"]), lambda: docs.upsert(["b"], np.eye(2)[:1]), db.collections,
        lambda: vicinal.open(sys.argv[1]), lambda: vicinal.open(sys.argv[1], mode="r"),
    ]
    for call in calls:
        try:
            call()
        except vicinal.ForkedError as error:
            assert "'spawn'" in str(error)
        else:
            sys.exit(5)
    db.close()
    del db, docs  # and its connections with it, were they not kept
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
docs.upsert(["b"], np.eye(2)[:1])
assert len(docs) == 2
try:
    vicinal.open(sys.argv[1])
except vicinal.LockedError:
    pass
else:
    sys.exit(6)
"""


def test_a_second_writer_is_told_who_the_first_is_and_a_dead_one_blocks_nobody(path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert first.stdout is not None
    assert first.stdout.readline() == b"open\n"
    try:
        with pytest.raises(vicinal.LockedError, match=f"process {first.pid} has") as refused:
            vicinal.open(path)
        assert refused.value.pid == first.pid
        vicinal.open(path, mode="r").close()
    finally:
        first.send_signal(signal.SIGKILL)
        first.communicate()
    vicinal.open(path).close()


def test_a_second_handle_in_this_process_is_refused(path, db) -> None:
    with pytest.raises(vicinal.LockedError, match="this process") as refused:
        vicinal.open(path)
    assert refused.value.pid == os.getpid()
    db.close()
    vicinal.open(path).close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_is_told(path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", FORK, str(path)], capture_output=True, text=True, timeout=60
    )
    assert told.returncode == 0, told.stdout + told.stderr
    with vicinal.open(path) as db:
        assert len(db.collection("docs")) == 2
