"""Databases for asyncio: the classes of the other rooms, each method awaitable."""

from vicinal.aio.facade import AsyncBatches, AsyncCollection, AsyncDatabase, aopen, arestore

__all__ = ["AsyncBatches", "AsyncCollection", "AsyncDatabase", "aopen", "arestore"]
