"""The awaited database is the other one: same methods, same answers, same errors."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vicinal
from awaited import X

#: What has no awaitable twin, and why.
NOT_AWAITED = {"transaction", "close"}  # are written for asyncio
FIELDS = {"name", "entry", "spec", "embedder", "path"}  # are at hand


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
