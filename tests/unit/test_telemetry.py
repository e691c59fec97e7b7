"""Calls of a database have spans where OpenTelemetry is installed, and are left alone where not."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import vicinal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

X = np.eye(4, dtype=np.float32)

WITHOUT = """
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "opentelemetry" else real(name)
import sys, vicinal
from vicinal import telemetry
from vicinal.collection.contents import Contents
assert not telemetry.PRESENT
assert not hasattr(Contents.upsert, "__wrapped__")
with vicinal.open(sys.argv[1]) as db, db.transaction():
    db.collection("docs", vectors={}, if_missing="create").upsert(["a"])
assert not any(name.startswith("opentelemetry") for name in sys.modules)
"""

BROKEN = """
import sys
sys.modules["opentelemetry.trace"] = None
import vicinal
with vicinal.open(sys.argv[1]) as db, db.transaction():
    db.collection("docs", vectors={}, if_missing="create").upsert(["a"])
"""


@pytest.fixture(scope="module")
def exporter() -> Any:
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: Any) -> Iterator[Any]:
    exporter.clear()
    yield lambda: {span.name: span for span in exporter.get_finished_spans()}
    exporter.clear()


def test_spans_follow_the_conventions_for_databases(tmp_path: Path, spans: Any) -> None:
    from opentelemetry.trace import SpanKind, StatusCode

    where = str((tmp_path / "shop.db").resolve())
    with vicinal.open(where) as db:
        docs = db.collection("docs", dim=4, text=["t"], if_missing="create")
        docs.upsert(["a", "b", "c"], X[:3], [{"t": "secret"}] * 3)
        docs.search(X[0], k=2)
        assert dict(spans()["search docs"].attributes) == {
            "db.system.name": "vicinal",
            "db.namespace": where,
            "db.collection.name": "docs",
            "db.operation.name": "search",
            "db.response.returned_rows": 2,
        }
        assert spans()["search docs"].kind is SpanKind.CLIENT
        assert spans()["search docs"].instrumentation_scope.name == "vicinal"
        assert spans()["upsert docs"].attributes["db.operation.batch.size"] == 3
        docs.search(X[:3], k=2)
        many = spans()["search docs"].attributes
        assert (many["db.operation.batch.size"], many["db.response.returned_rows"]) == (3, 6)
        docs.upsert(["d"], X[:1])
        assert "db.operation.batch.size" not in spans()["upsert docs"].attributes
        for call, found in [
            (lambda: docs.text("secret"), 3),
            (lambda: docs.hybrid(X[0], "secret", k=2), 2),
            (lambda: docs.recommend(["a"], k=1), 1),
            (lambda: docs.get(["a", "b"]), 2),
            (lambda: docs.scroll(limit=3), 3),
        ]:
            call()
            last = max(spans().values(), key=lambda span: span.end_time)
            assert last.attributes["db.response.returned_rows"] == found, last.name
        with pytest.raises(vicinal.NotFoundError):
            docs.get(["z"])
        failed = spans()["get docs"]
        assert failed.status.status_code is StatusCode.ERROR
        assert failed.attributes["error.type"] == "vicinal.errors.NotFoundError"
        db.verify()
        assert spans()[f"verify {where}"].attributes["db.namespace"] == where
        assert "db.collection.name" not in spans()[f"verify {where}"].attributes
    assert not any("secret" in str(span.attributes) for span in spans().values())


def test_spans_lie_within_each_other(tmp_path: Path, spans: Any) -> None:
    from opentelemetry import trace

    with vicinal.open(tmp_path / "shop.db") as db:
        docs = db.collection("docs", dim=4, if_missing="create")
        with trace.get_tracer("test").start_as_current_span("request"), db.transaction():
            docs.upsert(["a"], X[:1])
        docs.compact()
    found = spans()
    whole = found[f"transaction {db.path}"]
    assert found["upsert docs"].parent.span_id == whole.context.span_id
    assert whole.parent.span_id == found["request"].context.span_id
    built = found["extend_graph docs"]
    assert built.parent.span_id == found["compact docs"].context.span_id
    assert found["save_graph docs"].kind is trace.SpanKind.INTERNAL


def test_spans_of_awaited_calls_belong_to_their_tasks(tmp_path: Path, spans: Any) -> None:
    from opentelemetry import trace

    async def main() -> None:
        async with vicinal.aopen(tmp_path / "shop.db") as db:
            docs = await db.collection("docs", dim=4, if_missing="create")
            with trace.get_tracer("test").start_as_current_span("request"):
                await docs.upsert(["a"], X[:1])

    asyncio.run(main())
    assert spans()["upsert docs"].parent.span_id == spans()["request"].context.span_id


@pytest.mark.parametrize("code", [WITHOUT, BROKEN], ids=["not installed", "no API"])
def test_without_the_api_nothing_is_wrapped_or_missing(tmp_path: Path, code: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "shop.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=dict(os.environ),
    )
    assert told.returncode == 0, told.stderr


def test_work_in_the_background_is_told_to_loggers(tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(logging.INFO, "vicinal")
    with vicinal.open(tmp_path / "shop.db") as db:
        docs = db.collection("docs", dim=4, if_missing="create")
        docs.upsert(["a", "b"], X[:2])
        docs.compact()
    assert "docs: extend_graph of 'vector', now of 2 vectors" in caplog.text
    assert "docs: save_graph of 'vector'" in caplog.text
