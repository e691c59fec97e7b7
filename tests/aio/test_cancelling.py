"""A call that is cancelled has ended when its task hears of it, and left nothing half done."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

import vicinal
from awaited import X, run
from vicinal.records import stops
from vicinal.records.table import Table


def test_a_cancelled_write_is_stopped_and_leaves_nothing(path, monkeypatch) -> None:
    began, stopped = threading.Event(), threading.Event()
    real = Table._insert

    def told(*args: Any) -> None:
        began.set()
        try:
            real(*args)
        except BaseException as error:
            if "interrupt" in str(error):
                stopped.set()
            raise

    async def main(db: Any, docs: Any) -> None:
        await docs.upsert(["a"], X[:1])
        monkeypatch.setattr(stops, "STEPS", 1000)
        monkeypatch.setattr(Table, "_insert", staticmethod(told))
        n = 100_000
        rows = np.ones((n, 8), np.float32)
        task = asyncio.create_task(docs.upsert(range(n), rows))
        await asyncio.to_thread(began.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert stopped.is_set()  # when the task hears of it, no thread is at it any more
        assert await docs.count() == 1
        await docs.upsert(["b"], X[:1])
        assert (await db.verify()).ok

    run(path, main)


def test_a_cancelled_transaction_is_undone(path) -> None:
    async def main(db: Any, docs: Any) -> None:
        within = asyncio.Event()

        async def both() -> None:
            async with db.transaction():
                await docs.upsert(["a"], X[:1])
                within.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(both())
        await within.wait()
        waiting = asyncio.create_task(both())  # cancelled before it has begun
        await asyncio.sleep(0.01)
        for one in (waiting, task):
            one.cancel()
            with pytest.raises(asyncio.CancelledError):
                await one
        assert await docs.count() == 0
        assert await asyncio.wait_for(docs.upsert(["b"], X[:1]), 30) == 1

    run(path, main)


def test_cancelled_again_and_again_it_still_ends_before_it_is_heard_of(path) -> None:
    began, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    real = vicinal.Collection.count

    def slowly(self: Any, **how: Any) -> int:
        began.set()
        assert go_on.wait(60)
        try:
            return real(self, **how)
        finally:
            ended.set()

    async def main(_: Any, docs: Any) -> None:
        task = asyncio.create_task(docs._threads.run(lambda: slowly(docs._plain)))
        await asyncio.to_thread(began.wait, 60)
        for _turn in range(3):
            task.cancel()
            await asyncio.sleep(0.01)
            assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    run(path, main)


def test_an_export_left_early_lets_go_of_its_state(path) -> None:
    pytest.importorskip("pyarrow")

    async def main(db: Any, docs: Any) -> None:
        await docs.upsert(range(25_000), np.ones((25_000, 8)))
        async with await docs.export() as batches:
            assert batches.schema.names == ["id", "vector", "payload"]
            async for batch in batches:
                assert batch.num_rows == 10_000
                break
        with pytest.raises(vicinal.ClosedError, match="export was closed"):
            await anext(aiter(batches))
        while db._plain._store._lent:  # the thread that makes graphs may have one for a moment
            await asyncio.sleep(0.01)

    run(path, main)
