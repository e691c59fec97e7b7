"""Text search over fields of payloads, by SQLite's FTS5, and joining ranked lists into one."""

from vicinal.text.fuse import reciprocal_rank, weighted
from vicinal.text.index import TextIndex
from vicinal.text.query import MATCHES, Match
from vicinal.text.tokens import TOKENIZERS, Tokenizer

__all__ = [
    "MATCHES",
    "TOKENIZERS",
    "Match",
    "TextIndex",
    "Tokenizer",
    "reciprocal_rank",
    "weighted",
]
