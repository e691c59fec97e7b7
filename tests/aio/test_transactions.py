"""Transactions that are awaited: of a task and those it starts, all or nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from awaited import X, run
from vicinal.aio import threads


def test_a_transaction_is_all_or_nothing_and_others_wait(path) -> None:
    async def main(db: Any, docs: Any) -> None:
        opened, seen = asyncio.Event(), asyncio.Event()

        async def other() -> None:
            await opened.wait()
            assert await docs.count() == 0  # reads go on, and see what was before
            waiting = asyncio.create_task(docs.upsert(["z"], X[:1]))
            seen.set()
            await waiting
            assert {r.id for r in (await docs.scroll()).records} >= {"a", "b", "c", "z"}

        task = asyncio.create_task(other())
        await asyncio.sleep(0)
        async with db.transaction():
            await docs.upsert(["a"], X[:1])
            # Tasks that are started here are of the transaction.
            await asyncio.gather(docs.upsert(["b"], X[:1]), docs.upsert(["c"], X[:1]))
            assert await docs.count() == 3
            opened.set()
            await seen.wait()
            assert "z" not in {r.id for r in (await docs.scroll()).records}
        await task

        async def given_up() -> None:
            async with db.transaction():
                await docs.delete(["a", "b"])
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await given_up()
        assert await docs.count() == 4

    run(path, main)


def test_a_step_of_a_transaction_is_undone_alone(path) -> None:
    async def main(db: Any, docs: Any) -> None:
        async def step(name: str, *, fails: bool) -> None:
            async with db.transaction():
                await docs.upsert([name], X[:1])
                await asyncio.sleep(0.01)
                if fails:
                    raise ZeroDivisionError

        async with db.transaction():
            done = await asyncio.gather(
                step("a", fails=False),
                step("b", fails=True),
                docs.upsert(["c"], X[:1]),
                step("d", fails=False),
                return_exceptions=True,
            )
        assert [type(one) for one in done] == [type(None), ZeroDivisionError, int, type(None)]
        assert {r.id for r in (await docs.scroll()).records} == {"a", "c", "d"}

    run(path, main)


def test_a_task_that_outlives_its_transaction_is_not_of_it(path) -> None:
    async def main(db: Any, docs: Any) -> None:
        go_on = asyncio.Event()

        async def late() -> int:
            await go_on.wait()
            return int(await docs.upsert(["late"], X[:1]))

        async with db.transaction():
            task = asyncio.create_task(late())
            await docs.upsert(["a"], X[:1])
        go_on.set()
        assert await task == 1
        assert await docs.count() == 2

    run(path, main)


def test_writers_that_wait_leave_room_for_readers(path) -> None:
    async def main(db: Any, docs: Any) -> None:
        opened, asked, answered = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def read() -> None:
            await asked.wait()
            assert await docs.count() == 0
            answered.set()

        async def write(i: int) -> None:
            await opened.wait()
            await docs.upsert([i], X[:1])

        async def write_two(i: int) -> None:
            await opened.wait()
            async with db.transaction():
                await docs.upsert([f"one{i}", f"two{i}"], X[:2])

        many = [write(i) for i in range(5 * threads.WORKERS)]
        tasks = [asyncio.create_task(one) for one in (read(), *many, *map(write_two, range(5)))]
        async with db.transaction():
            opened.set()
            await asyncio.sleep(0.05)
            asked.set()
            await answered.wait()  # what another task reads, while all others wait for this one
            await docs.upsert(["a"], X[:1])
        await asyncio.gather(*tasks)
        assert await docs.count() == 5 * threads.WORKERS + 10 + 1

    run(path, main)
