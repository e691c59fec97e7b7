"""Queries of users in the language of FTS5, such that none can be a mistake of syntax."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, get_args

from vicinal import checks
from vicinal.errors import InvalidInputError
from vicinal.filters.paths import encodable
from vicinal.text.tokens import TRIGRAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vicinal.text.tokens import Tokenizer

#: Any of the words, all of them, or all in a row.
Match = Literal["any", "all", "phrase"]
MATCHES: Final = get_args(Match)

#: More words than a question has; a longer text is better embedded and searched as a vector.
MAX_WORDS: Final = 1_000


def to_fts5(
    query: str, *, match: Match, tokenizer: Tokenizer, columns: Sequence[str] | None = None
) -> str | None:
    """Return ``query`` as FTS5 takes it, None if there is nothing in it to look for.

    Parameters
    ----------
    query : str
        Words, and phrases in double quotes; nothing else has a meaning.
    match : {"any", "all", "phrase"}
    tokenizer : Tokenizer
        That of the index, for what it can't find.
    columns : sequence of str, optional
        Look in these alone.
    """
    text = checked_query(query).replace("\0", " ")
    checks.choice("match", match, MATCHES)
    # The order is kept: it does not change an answer, but makes one text for one question.
    phrases = [text.strip()] if match == "phrase" else [*dict.fromkeys(_phrases(text))]
    phrases = [phrase for phrase in phrases if phrase]
    if len(phrases) > MAX_WORDS:
        raise InvalidInputError(
            f"query has {len(phrases):,} different words, more than {MAX_WORDS:,}: shorten it"
        )
    if not phrases:
        return None
    if tokenizer.kind == "trigram" and all(len(phrase) < TRIGRAM for phrase in phrases):
        raise InvalidInputError(
            f"query {query!r} is too short: substrings of {TRIGRAM} characters or more can be found"
        )
    # Words side by side must all be there, but those without a letter, "&" say, do not count;
    # after an AND they would.
    words = (" OR " if match == "any" else " ").join(map(quoted, phrases))
    return words if columns is None else f"{{{' '.join(map(quoted, columns))}}} : ({words})"


def checked_query(query: object) -> str:
    """``query`` if it is text."""
    text = checks.text("query", query)
    if not encodable(text):
        raise InvalidInputError(f"query {query!r} has half of a surrogate pair, which is no text")
    return text


def quoted(text: str) -> str:
    """``text`` as a string of FTS5 or a name of SQL."""
    return '"' + text.replace('"', '""') + '"'


def _phrases(text: str) -> list[str]:
    """Split into words and quoted phrases; a quote that is not closed is no quote."""
    return [phrase or word for phrase, word in re.findall(r'"([^"]*)"|([^\s"]+)', text)]
