"""The awaited database is the other one: same methods, same answers; and what cancelling does."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vicinal
from vicinal.aio import threads
from vicinal.records import stops
from vicinal.records.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

X = np.eye(8, dtype=np.float32)

#: What has no awaitable twin, and why.
NOT_AWAITED = {"transaction", "close"}  # are written for asyncio
FIELDS = {"name", "entry", "spec", "embedder", "path"}  # are at hand


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.mark.parametrize(
    ("plain", "awaited"),
    [(vicinal.Collection, vicinal.AsyncCollection), (vicinal.Database, vicinal.AsyncDatabase)],
)
def test_every_method_is_there_with_its_parameters(plain: Any, awaited: Any) -> None:
    public = {name for name in dir(plain) if not name.startswith("_")}
    assert public == {name for name in dir(awaited) if not name.startswith("_")}
    for name in public - NOT_AWAITED - FIELDS:
        twin = getattr(awaited, name)
        assert inspect.iscoroutinefunction(twin), name
        assert inspect.signature(twin) == inspect.signature(getattr(plain, name))
        assert inspect.getdoc(twin) == inspect.getdoc(getattr(plain, name))
    for name in public & FIELDS:
        assert isinstance(inspect.getattr_static(awaited, name), property)


def test_it_gives_the_same_answers(path) -> None:
    rows = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    payloads = [{"n": i, "body": f"word{i % 7}"} for i in range(300)]

    async def main() -> list[Any]:
        async with vicinal.aopen(path) as db:
            docs = await db.collection("docs", dim=8, text=["body"], if_missing="create")
            assert await docs.upsert(range(300), rows, payloads) == 300
            await docs.set_payload([7], {"seen": True})
            assert await docs.delete([8, 9]) == 2
            await docs.compact()
            batches = [batch.num_rows async for batch in await docs.export()]
            assert (docs.name, db.path, sum(batches)) == ("docs", path.resolve(), 298)
            assert docs.spec.vectors["vector"].dim == docs.entry.spec.vectors["vector"].dim == 8
            assert await db.collections() == ["docs"]
            assert (await db.verify()).ok
            hits = await docs.text("word3", k=5)
            return [
                await docs.search(rows[7], k=5, filter={"n": {"$lt": 200}}),
                await docs.search(rows[:3], k=5),
                hits,
                await docs.highlight(hits, "word3"),
                await docs.hybrid(rows[7], "word3", k=5),
                await docs.recommend([7], [1], k=5),
                await docs.count(filter={"seen": True}),
                await docs.get([7, 8], missing="none"),
                (await docs.scroll(limit=7)).records,
                await docs.stats(),
                (await docs.measure_recall(k=5)).recall,
            ]

    found = asyncio.run(main())
    with vicinal.open(path, mode="r") as db:
        docs = db.collection("docs")
        hits = docs.text("word3", k=5)
        assert found[:-1] == [
            docs.search(rows[7], k=5, filter={"n": {"$lt": 200}}),
            docs.search(rows[:3], k=5),
            hits,
            docs.highlight(hits, "word3"),
            docs.hybrid(rows[7], "word3", k=5),
            docs.recommend([7], [1], k=5),
            docs.count(filter={"seen": True}),
            docs.get([7, 8], missing="none"),
            docs.scroll(limit=7).records,
            docs.stats(),
        ]


def test_copies_and_restoring(path) -> None:
    async def main() -> None:
        db = await vicinal.aopen(path)
        docs = await db.collection("docs", dim=8, if_missing="create")
        await docs.upsert(["a"], X[:1])
        copy = await db.snapshot(path.with_name("copy.db"))
        await db.drop("docs")
        await db.close()
        await db.close()
        for call in (docs.count(), db.collections(), docs.upsert(["b"], X[:1])):
            with pytest.raises(vicinal.ClosedError, match="was closed"):
                await call
        again = await vicinal.arestore(copy, path.with_name("again.db"))
        async with vicinal.aopen(again, mode="r") as other:
            assert await (await other.collection("docs")).count() == 1
            with pytest.raises(vicinal.ReadOnlyError):
                await other.drop("docs")

    asyncio.run(main())


def test_errors_are_those_of_the_other(path) -> None:
    async def main() -> None:
        with pytest.raises(vicinal.FileMissingError):
            await vicinal.aopen(path, mode="r")
        async with vicinal.aopen(path) as db:
            with pytest.raises(vicinal.LockedError, match="this process"):
                async with vicinal.aopen(path):
                    pass
            with pytest.raises(vicinal.NotFoundError):
                await db.collection("docs")

    asyncio.run(main())


def run(path: Path, main: Callable[[Any, Any], Any]) -> None:
    """Run a coroutine with a database and a collection of it, for a minute at most."""

    async def within() -> None:
        async with vicinal.aopen(path) as db:
            docs = await db.collection("docs", dim=8, if_missing="create")
            await asyncio.wait_for(main(db, docs), 60)

    asyncio.run(within())


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


def test_a_database_that_nobody_waits_for_is_not_left_open(path, monkeypatch) -> None:
    began, go_on = threading.Event(), threading.Event()
    real = vicinal.open

    def slowly(*args: Any, **how: Any) -> vicinal.Database:
        began.set()
        assert go_on.wait(60)
        return real(*args, **how)

    monkeypatch.setattr("vicinal.aio.facade.open", slowly)

    async def main() -> None:
        task = asyncio.ensure_future(opened())
        await asyncio.to_thread(began.wait, 60)
        task.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def opened() -> vicinal.AsyncDatabase:
        return await vicinal.aopen(path)

    asyncio.run(main())
    real(path).close()  # nobody holds its lock


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


@pytest.mark.skipif(
    os.environ.get("HYPOTHESIS_PROFILE") != "thorough", reason="mypy takes half a minute"
)
def test_type_checkers_see_the_parameters_and_what_comes_back(tmp_path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "use.py").write_text(
        """
import vicinal
async def use(docs: vicinal.AsyncCollection, db: vicinal.AsyncDatabase) -> None:
    reveal_type(await docs.text("x", k=3))
    reveal_type(await db.collection("docs", dim=3))
    reveal_type(await vicinal.aopen("x", mode="r"))
    async with vicinal.aopen("x") as other:
        reveal_type(await other.snapshot("y"))
    await docs.text(3)
    await docs.text("x", kk=3)
    docs.no_such_method
"""
    )
    root = Path(vicinal.__file__).parents[1]
    told = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent", "use.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    ).stdout
    assert re.findall(r'type is "[\w.]*\.(\w+)"', told) == [
        "Hits",
        "AsyncCollection",
        "AsyncDatabase",
        "Path",
    ], told
    assert "use.py:9: error: Argument 1 has incompatible type" in told
    assert 'use.py:10: error: Unexpected keyword argument "kk"' in told
    assert 'use.py:11: error: "AsyncCollection" has no attribute' in told
