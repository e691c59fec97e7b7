"""An FTS5 table over fields of payloads: what is in it, and what is found.

The table holds words and where they are, not the text itself, which the records have (FTS5 calls
that contentless). Rows leave it by their slot alone, so that nobody need know what text they had.
Every call runs in the caller's transaction.
"""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import apsw

from vicinal import checks
from vicinal.errors import InvalidInputError
from vicinal.filters.paths import lookup, parse_path, path_text, sql_text
from vicinal.filters.schema import near_misses
from vicinal.text.query import checked_query, quoted, to_fts5
from vicinal.text.tokens import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from vicinal.filters.paths import Path
    from vicinal.text.query import Match

#: Names that FTS5 keeps for itself.
RESERVED = ("rank", "rowid")

#: What FTS5 takes as the length of a snippet.
MAX_SNIPPET = 64


@dataclass(frozen=True, slots=True)
class TextIndex:
    """The text of some fields, in a table of its own.

    Parameters
    ----------
    table : str
        Name of the FTS5 table.
    records : str
        Name of the table of records, whose slots are the rows here.
    fields : sequence of str
        Fields of payloads, as dicts of filters name them: text, or arrays that hold some.
    tokenizer : Tokenizer, optional
    """

    table: str
    records: str
    fields: Sequence[str]
    tokenizer: Tokenizer = field(default_factory=Tokenizer)
    paths: tuple[Path, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.fields, str) or not self.fields:
            raise InvalidInputError(
                f"text takes a list of fields, such as ['body'], not {self.fields!r}"
            )
        paths = tuple(parse_path(name) for name in self.fields)
        names = tuple(path_text(path) for path in paths)
        taken = {*RESERVED, self.table.casefold()}
        for name in names:
            if name.casefold() in taken:
                raise InvalidInputError(
                    f"text: the field {name!r} can't be indexed: the name is given twice or kept "
                    f"by SQLite ({', '.join(RESERVED)}), which does not tell case apart"
                )
            taken.add(name.casefold())
        object.__setattr__(self, "fields", names)
        object.__setattr__(self, "paths", paths)

    # ---- keeping it ------------------------------------------------------------------------------

    def create(self, connection: apsw.Connection) -> None:
        """Make the table, empty."""
        self._create(connection, "content = ''", "contentless_delete = 1")

    def drop(self, connection: apsw.Connection) -> None:
        """Drop the table."""
        connection.execute(f"DROP TABLE {quoted(self.table)}")

    def add(self, connection: apsw.Connection, rows: Iterable[tuple[int, Any]]) -> None:
        """Index payloads.

        Parameters
        ----------
        connection : apsw.Connection
        rows : iterable of (int, dict or None)
            Slots, none of which is in the index, and their payloads.
        """
        read = ((slot, self.texts(payload)) for slot, payload in rows)
        self._insert(connection, ((slot, texts) for slot, texts in read if any(texts)))

    def remove(self, connection: apsw.Connection, slots: Iterable[int]) -> None:
        """Forget slots; those without text may be among them."""
        connection.executemany(
            f"DELETE FROM {quoted(self.table)} WHERE rowid = ?", ((slot,) for slot in slots)
        )

    def texts(self, payload: Any) -> list[str | None]:
        """Return what of ``payload`` is indexed, field by field."""
        return [_text(lookup(payload, path)) for path in self.paths]

    # ---- asking it -------------------------------------------------------------------------------

    def search(
        self,
        connection: apsw.Connection,
        query: str,
        k: int,
        *,
        match: Match = "any",
        fields: Sequence[str] | None = None,
        weights: Mapping[str, float] | None = None,
        where: tuple[str, Sequence[Any]] | None = None,
        among: Container[int] | None = None,
        raw: bool = False,
    ) -> list[tuple[int, float]]:
        """Return the k rows that ``query`` fits best.

        Parameters
        ----------
        connection : apsw.Connection
        query : str
            Words, and phrases in double quotes. Any text is allowed. With trigram, substrings.
        k : int
        match : {"any", "all", "phrase"}
            Rows with any of the words, with all, or with all of the query in a row.
        fields : sequence of str, optional
            Look in these alone.
        weights : mapping of str to float, optional
            How much a word counts in a field; 1 where nothing is said.
        where : (str, sequence), optional
            A condition on the row ``r`` of the records, and its parameters, as `Expr.sql` gives
            them: only rows for which it holds are returned.
        among : container of int, optional
            Only these slots are returned.
        raw : bool
            Take ``query`` as it is, in the language of FTS5.

        Returns
        -------
        list of (int, float)
            Slots and scores (BM25, higher is better, never negative), best first; equal scores by
            slot.

        Raises
        ------
        InvalidInputError
            A field that is not indexed; with ``raw``, a mistake in the query; with trigram, nothing
            but substrings of less than three characters.
        """
        k = checks.integer("k", k, 1, checks.MAX_K)
        asked = self._asked(query, match, fields, raw)
        if asked is None:
            return []
        table = quoted(self.table)
        source, condition, params = table, "", list[Any]()
        if where is not None:
            source = f"{table} JOIN {quoted(self.records)} AS r ON r.slot = {table}.rowid"
            condition, params = f" AND ({where[0]})", list(where[1])
        marks = ", ?" * len(self.fields)
        limit = f" LIMIT {k}" if among is None else ""
        with _refusing(raw):
            rows = connection.execute(
                f"SELECT {table}.rowid, -bm25({table}{marks}) AS score FROM {source} "
                f"WHERE {table} MATCH ?{condition} ORDER BY score DESC, 1{limit}",
                (*self._weights(weights), asked, *params),
            )
            found = ((slot, score) for slot, score in rows if among is None or slot in among)
            return list(islice(found, k))

    def highlight(
        self,
        payloads: Iterable[Any],
        query: str,
        *,
        match: Match = "any",
        fields: Sequence[str] | None = None,
        raw: bool = False,
        before: str = "**",
        after: str = "**",
        words: int | None = None,
    ) -> list[dict[str, str]]:
        """Return the text of payloads with what ``query`` found marked.

        Parameters
        ----------
        payloads : iterable of dict or None
        query, match, fields, raw
            As for `search`.
        before, after : str
            Put around what was found. The text itself is not escaped for HTML or anything else.
        words : int, optional
            Cut a snippet of up to so many words around what was found, at most 64.

        Returns
        -------
        list of dict of str to str
            Of each payload, the fields that have text; unmarked where nothing was found.
        """
        checks.text("before", before)
        checks.text("after", after)
        words = None if words is None else checks.integer("words", words, 1, MAX_SNIPPET)
        texts = [self.texts(payload) for payload in payloads]
        asked = self._asked(query, match, fields, raw)
        marked = {} if asked is None else self._marked(texts, asked, raw, (before, after, words))
        return [
            {
                name: text
                for name, text in zip(self.fields, marked.get(i, _cut(row, words)), strict=True)
                if text is not None
            }
            for i, row in enumerate(texts)
        ]

    # ---- underneath ------------------------------------------------------------------------------

    def _create(self, connection: apsw.Connection, *options: str) -> None:
        tokenize = f"tokenize = {sql_text(self.tokenizer.spec)}"
        arguments = ", ".join([*map(quoted, self.fields), *options, tokenize])
        connection.execute(f"CREATE VIRTUAL TABLE {quoted(self.table)} USING fts5({arguments})")

    def _insert(
        self, connection: apsw.Connection, rows: Iterable[tuple[int, list[str | None]]]
    ) -> None:
        columns = ", ".join(["rowid", *map(quoted, self.fields)])
        marks = ", ".join("?" * (1 + len(self.fields)))
        connection.executemany(
            f"INSERT INTO {quoted(self.table)}({columns}) VALUES ({marks})",
            ((row, *texts) for row, texts in rows),
        )

    def _asked(
        self, query: str, match: Match, fields: Sequence[str] | None, raw: bool
    ) -> str | None:
        columns = None if fields is None else [self._known(name) for name in fields]
        if not checks.flag("raw", raw):
            return to_fts5(query, match=match, tokenizer=self.tokenizer, columns=columns)
        if columns is not None:
            raise InvalidInputError("raw=True names fields in the query itself: {title} : word")
        if "\0" in checked_query(query):
            raise InvalidInputError(f"query {query!r} has a NUL, at which FTS5 would stop reading")
        return query

    def _known(self, name: Any) -> str:
        known = path_text(parse_path(name))
        if known not in self.fields:
            raise InvalidInputError(
                f"field {name} has no text index{near_misses(name, self.fields)}"
            )
        return known

    def _weights(self, weights: Mapping[str, float] | None) -> list[float]:
        given = {self._known(name): weight for name, weight in (weights or {}).items()}
        for name, weight in given.items():
            if not 0 <= checks.number(f"weight of {name}", weight) < math.inf:
                raise InvalidInputError(f"weight of {name} must be 0 or more, not {weight!r}")
        return [float(given.get(name, 1.0)) for name in self.fields]

    def _marked(
        self,
        texts: list[list[str | None]],
        asked: str,
        raw: bool,
        marks: tuple[str, str, int | None],
    ) -> dict[int, list[str | None]]:
        """Return the marked texts of those rows that fit; FTS5 marks what a table holds only."""
        before, after, words = marks
        connection, table = apsw.Connection(":memory:"), quoted(self.table)
        try:
            self._create(connection)
            self._insert(connection, enumerate(texts))
            if words is None:
                mark, params = "highlight({}, {}, ?, ?)", (before, after)
            else:
                mark, params = f"snippet({{}}, {{}}, ?, ?, '…', {words})", (before, after)
            calls = [mark.format(table, column) for column in range(len(self.fields))]
            with _refusing(raw):
                rows = connection.execute(
                    f"SELECT rowid, {', '.join(calls)} FROM {table} WHERE {table} MATCH ?",
                    (*params * len(calls), asked),
                )
                return {row: list(marked) for row, *marked in rows}
        finally:
            connection.close()


@contextmanager
def _refusing(raw: bool) -> Iterator[None]:
    """Turn what SQLite says of a query that it was given as it is into an error of input."""
    try:
        yield
    except apsw.SQLError as error:
        if not raw:
            raise
        raise InvalidInputError(
            f"query: {error}; see https://sqlite.org/fts5.html, or leave raw=True out"
        ) from error


def _text(value: Any) -> str | None:
    """Return the text of a field: a string, or the strings of an array, a line each."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "\n".join(one for one in value if isinstance(one, str)) or None
    return None


def _cut(texts: list[str | None], words: int | None) -> list[str | None]:
    """Return the beginnings of texts in which nothing was found."""
    if words is None:
        return texts
    beginning = re.compile(rf"\s*(?:\S+\s+){{{words - 1}}}\S+(?=\s+\S)")
    cut = [None if text is None else beginning.match(text) for text in texts]
    return [match.group() + "…" if match else text for match, text in zip(cut, texts, strict=True)]
