"""Spans of OpenTelemetry, where its API is installed; without it methods are left as they are.

Names and attributes are those of the semantic conventions for database clients
(https://opentelemetry.io/docs/specs/semconv/db/database-spans): the span of a call is called
"search docs", and says which database, collection and operation, how many records came back or how
many went in, and what kind of error ended it. Neither queries nor payloads are in it.
"""

from __future__ import annotations

import contextlib
import functools
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

from vicinal._native import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

P = ParamSpec("P")
Result = TypeVar("Result")

#: Whether the API may be there; it is imported when the first span is asked for.
PRESENT = find_spec("opentelemetry") is not None

SCHEMA = "https://opentelemetry.io/schemas/1.34.0"

SYSTEM = "db.system.name"
NAMESPACE = "db.namespace"
COLLECTION = "db.collection.name"
OPERATION = "db.operation.name"
BATCH = "db.operation.batch.size"
ROWS = "db.response.returned_rows"
ERROR = "error.type"


class Told(Protocol):
    """Something whose calls have spans."""

    @property
    def _whereabouts(self) -> dict[str, str]:
        """Attributes of its spans: the database, and the collection if it is one."""


Owner = TypeVar("Owner", bound=Told)


def traced(
    counts: Callable[[Any], Mapping[str, int]] | None = None,
) -> Callable[[Callable[Concatenate[Owner, P], Result]], Callable[Concatenate[Owner, P], Result]]:
    """Give each call of a method a span.

    Parameters
    ----------
    counts : callable, optional
        Attributes of the span, from what the method gave: `rows` or `batch`.
    """

    def decorate(
        method: Callable[Concatenate[Owner, P], Result],
    ) -> Callable[Concatenate[Owner, P], Result]:
        if not PRESENT:
            return method

        @functools.wraps(method)
        def call(self: Owner, /, *args: P.args, **kwargs: P.kwargs) -> Result:
            with span(method.__name__, self._whereabouts) as note:
                result = method(self, *args, **kwargs)
                if counts is not None:
                    note(counts(result))
                return result

        return call

    return decorate


def rows(result: Any) -> dict[str, int]:
    """Of what was found for a query, or for each of several."""
    if type(result) is list and result and hasattr(result[0], "distances"):
        found = {ROWS: sum(map(len, result))}
        return found if len(result) == 1 else {BATCH: len(result), **found}
    return {ROWS: len(getattr(result, "records", result))}


def batch(count: int) -> dict[str, int]:
    """Of so many records that were written; one is no batch."""
    return {} if count == 1 else {BATCH: count}


def span(
    operation: str, whereabouts: Mapping[str, str], *, within: bool = False
) -> AbstractContextManager[Callable[[Mapping[str, int]], None]]:
    """A span for a block, which gets what takes more attributes for it.

    Parameters
    ----------
    operation : str
    whereabouts : dict of str to str
        As of `Told`.
    within : bool
        True for what nobody called: work in the background.
    """
    tracer = _tracer() if PRESENT else None
    if tracer is None:
        return _SILENT
    target = whereabouts.get(COLLECTION) or whereabouts[NAMESPACE]
    attributes = {SYSTEM: "vicinal", OPERATION: operation, **whereabouts}
    kind = _kinds()[within]
    opened = tracer.start_span(f"{operation} {target}", kind=kind, attributes=attributes)
    # Where no SDK takes spans there is no more to do.
    if not opened.get_span_context().is_valid:
        return _SILENT
    return _current(opened)


@contextlib.contextmanager
def _current(opened: Any) -> Iterator[Callable[[Mapping[str, int]], None]]:
    from opentelemetry.trace import use_span

    with use_span(opened, end_on_exit=True):
        try:
            yield opened.set_attributes
        except BaseException as error:
            opened.set_attribute(ERROR, f"{type(error).__module__}.{type(error).__qualname__}")
            raise


@functools.cache
def _kinds() -> tuple[Any, Any]:
    """Of calls, and of what nobody called."""
    from opentelemetry.trace import SpanKind

    return SpanKind.CLIENT, SpanKind.INTERNAL


@functools.cache
def _tracer() -> Any:
    try:
        from opentelemetry import trace
    except ImportError:  # another part of OpenTelemetry is there, and the API is not
        return None
    return trace.get_tracer("vicinal", __version__, schema_url=SCHEMA)


_SILENT: AbstractContextManager[Callable[[Mapping[str, int]], None]] = contextlib.nullcontext(
    lambda _attributes: None
)
