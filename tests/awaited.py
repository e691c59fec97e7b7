"""Coroutines with a database, for the tests of the awaited one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np

import vicinal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

X = np.eye(8, dtype=np.float32)


def run(path: Path, main: Callable[[Any, Any], Any]) -> None:
    """Run a coroutine with a database and a collection of it, for a minute at most."""

    async def within() -> None:
        async with vicinal.aopen(path) as db:
            docs = await db.collection("docs", dim=8, if_missing="create")
            await asyncio.wait_for(main(db, docs), 60)

    asyncio.run(within())
