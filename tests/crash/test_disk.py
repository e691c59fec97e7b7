"""A disk fails, or its power is cut: what was acknowledged is there, and nothing is half there."""

from __future__ import annotations

import contextlib
import errno
import os
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from shim import Faults, Memory, mounted
from story import done, held, steps, told

import vicinal
from vicinal.collection import stream

if TYPE_CHECKING:
    from pathlib import Path

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
LENGTH = 12


def live(path: Path, seed: int) -> tuple[Any, Any]:
    """Live a story until something fails; what was acknowledged, and that with the step after."""
    model: Any = {}
    following: Any = {}
    with contextlib.ExitStack() as stack:
        db = vicinal.open(path)
        stack.callback(close, db)
        for step in islice(steps(seed), LENGTH):
            following = told(model, step)
            done(db, model, step)
            model = following
    return model, following


def close(db: vicinal.Database) -> None:
    with contextlib.suppress(vicinal.VicinalError):
        db.close()


def calls(tmp_path: Path, kind: str) -> int:
    with mounted(Faults(kind, 0)) as disk:
        live(tmp_path / "count.db", 3)
    return int(disk.calls)


@pytest.mark.parametrize("kind", ["eio", "enospc", "short", "fsync"])
def test_every_failing_call_is_a_typed_error_and_costs_nothing_acknowledged(tmp_path, kind) -> None:
    total = calls(tmp_path, kind)
    full = kind in ("enospc", "short")
    assert total > 10
    failed, numbers = 0, set[Any]()
    for at in range(1, total + 1, 1 if THOROUGH else max(1, total // 12)):
        path = tmp_path / f"{kind}-{at}.db"
        model: Any = {}
        following: Any = {}
        with mounted(Faults(kind, at)) as disk:
            try:
                db = vicinal.open(path)
            except vicinal.VicinalError:
                failed += 1
            else:
                for step in islice(steps(3), LENGTH):
                    following = told(model, step)
                    try:
                        done(db, model, step)
                    except vicinal.StorageError as error:
                        numbers.add(error.errno)
                        failed += 1
                        if full:  # rolled back, and reads go on
                            assert held(db) in (model, following)
                        else:
                            with pytest.raises(vicinal.PoisonedError, match="an error before"):
                                done(db, model, step)
                        break
                    except vicinal.PoisonedError:  # the checkpoint behind a commit failed
                        failed += 1
                        break
                    model = following
                close(db)
        if not disk.failed:
            continue
        with vicinal.open(path) as db:
            assert held(db) in (model, following)
            done(db, {}, ("upsert", ([1, 2], 99)))
    assert failed > 5
    assert numbers == {errno.ENOSPC if full else errno.EIO}


def test_a_full_disk_leaves_what_was_there_readable(tmp_path) -> None:
    path = tmp_path / "full.db"
    X = np.eye(4)
    with mounted(Faults("enospc", 0)) as disk, vicinal.open(path) as db:
        docs = db.collection("docs", dim=4, if_missing="create")
        docs.upsert(["a"], X[:1])
        disk.at = disk.calls + 1
        with pytest.raises(vicinal.StorageError, match="disk is full"):
            docs.upsert(["b"], X[1:2])
        assert docs.search(X[0]).ids == ["a"]
        docs.upsert(["c"], X[2:3])  # there is room again
        assert len(docs) == 2


def test_a_disk_that_is_full_in_the_middle_of_a_load_keeps_what_was_acknowledged(
    tmp_path, monkeypatch
) -> None:
    pa = pytest.importorskip("pyarrow")
    monkeypatch.setattr(stream, "PIECE", 40)
    table = pa.table({"id": [*range(400)], "vector": np.eye(4)[np.arange(400) % 4].tolist()})
    stayed = set()
    for at in (10, 30, 60):
        with mounted(Faults("enospc", 0)) as disk, vicinal.open(tmp_path / f"{at}.db") as db:
            docs = db.collection("docs", dim=4, if_missing="create")
            disk.at = disk.calls + at
            with pytest.raises(vicinal.StorageError, match="disk is full") as full:
                docs.upsert(table)
            written = len(docs)
            assert full.value.errno == errno.ENOSPC
            said = f"after {written:,} rows, which are written and stay" if written else ""
            assert said in str(full.value)
            assert [r.id for r in docs.scroll(limit=400).records] == [*range(written)]
            assert docs.upsert(table.slice(written)) == 400 - written  # there is room again
            stayed.add(written)
    assert len(stayed) > 1
    assert all(written % 40 == 0 for written in stayed)


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path, rng, durability) -> None:
    for turn in range(300 if THOROUGH else 15):
        with mounted(Memory()) as disk:
            states: list[Any] = [{}]
            db = vicinal.open(tmp_path / f"{turn}.db", durability=durability)
            for step in islice(steps(turn), int(rng.integers(1, LENGTH))):
                done(db, states[-1], step)
                states.append(told(states[-1], step))
            disk.cut(tmp_path / f"{turn}-after.db", rng)
            db.close()
        with vicinal.open(tmp_path / f"{turn}-after.db") as db:
            found = held(db)
        if durability == "full":
            assert found == states[-1]
        else:  # the last commits may be lost, whole ones, and from the end
            assert found in states
