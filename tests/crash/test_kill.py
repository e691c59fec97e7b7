"""A writer killed at any moment: what it was told is done is there, and nothing is half there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

from story import held, steps, told

import vicinal

CHILD = Path(__file__).with_name("child.py")
ROUNDS = 300 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 8


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path, rng) -> None:
    path = tmp_path / "test.db"
    model: Any = {}
    steps_done = copies = 0
    for turn in range(ROUNDS):
        child = subprocess.Popen(
            [sys.executable, str(CHILD), str(path), str(turn)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        began = child.stdout.read(1)  # the first step is done
        time.sleep(float(rng.exponential(0.1)))
        child.kill()
        done = len(began + child.stdout.read())
        assert done, f"the child of round {turn} never began"
        child.wait()
        child.stdout.close()
        story = list(islice(steps(turn), done + 1))
        for step in story[:done]:
            model = told(model, step)
        with vicinal.open(path) as db:
            found = held(db)
            # The one that was under way is there as a whole, or not at all.
            assert found in (model, told(model, story[done]))
            model = found
        for copy in tmp_path.glob("test.db-copy-*"):
            if copy.suffix != ".part":  # whole, or not there under its name
                with vicinal.open(copy, mode="r") as db:
                    held(db)
                copies += 1
            shutil.rmtree(copy)
        named = len(list((path / "graphs").glob("*"))) if (path / "graphs").exists() else 0
        assert named <= 1
        steps_done += done
    assert steps_done > ROUNDS
    assert copies
