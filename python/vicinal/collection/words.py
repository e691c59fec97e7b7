"""The text of a collection: kept in step with its records, and searched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

    from vicinal.filters import Expr
    from vicinal.records.catalog import Entry
    from vicinal.text import Match, TextIndex


class Words:
    """The text index of a collection, if it has one.

    Parameters
    ----------
    entry : Entry
        The collection.
    """

    def __init__(self, entry: Entry) -> None:
        self._name = entry.name
        self._index: TextIndex | None = None
        if declared := entry.spec.options.get("text"):
            self._index = text_index(f"text_{entry.number}", f"records_{entry.number}", declared)

    @property
    def index(self) -> TextIndex:
        """The index, or a refusal."""
        if self._index is None:
            raise InvalidInputError(
                f"collection {self._name!r} has no text index; make one with text=['field', …]"
            )
        return self._index

    def create(self, connection: apsw.Connection) -> None:
        """Make the table, where there is to be one."""
        if self._index is not None:
            self._index.create(connection)

    def drop(self, connection: apsw.Connection) -> None:
        """Drop the table, where there is one."""
        if self._index is not None:
            self._index.drop(connection)

    def add(
        self, connection: apsw.Connection, slots: Sequence[int], payloads: Iterable[str | None]
    ) -> None:
        """Index new records by the JSON texts of their payloads."""
        if self._index is not None:
            read = (None if text is None else json.loads(text) for text in payloads)
            self._index.add(connection, zip(slots, read, strict=True))

    def remove(self, connection: apsw.Connection, slots: Iterable[int]) -> None:
        """Forget records."""
        if self._index is not None:
            self._index.remove(connection, slots)

    def search(
        self,
        connection: apsw.Connection,
        query: str,
        k: int,
        condition: Expr | None,
        match: Match,
        fields: Sequence[str] | None = None,
    ) -> list[tuple[int, float]]:
        """Slots and scores, best first."""
        where = None if condition is None else condition.sql()
        return self.index.search(connection, query, k, match=match, fields=fields, where=where)


def text_index(table: str, records: str, declared: dict[str, Any]) -> TextIndex:
    """The index that a collection declared."""
    from vicinal.text import TextIndex, Tokenizer  # only here, for it needs an extra

    return TextIndex(table, records, declared["fields"], Tokenizer(**declared["tokenizer"]))
