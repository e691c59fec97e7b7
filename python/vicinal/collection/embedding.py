"""Texts of a collection made into vectors by the model that it was declared with."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal import checks
from vicinal.embedders import Embedder
from vicinal.errors import InvalidInputError, InvalidTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from vicinal.records.catalog import Entry

#: What ids of texts are made under: the same text has the same id everywhere.
NAMESPACE = uuid.UUID("8d1a3c52-6f0e-5b7a-9c44-2f6f1f0f7a11")


def asked_embedder(embedder: Any) -> dict[str, Any] | None:
    """What is recorded of a model, checked; None if there is none."""
    if embedder is None:
        return None
    if not isinstance(embedder, Embedder) or not callable(embedder.embed):
        raise InvalidTypeError(
            f"embedder must have name, dim and embed(texts), which {checks.described(embedder)} "
            "has not; see vicinal.embedders"
        )
    return {
        "name": checks.text("the name of an embedder", embedder.name),
        "dim": checks.integer("dim of an embedder", embedder.dim, 1, 1 << 16),
    }


def refuse_other_embedder(entry: Entry, asked: dict[str, Any] | None) -> None:
    """Refuse a model whose vectors can't be compared with those that are there."""
    has = entry.spec.options.get("embedder")
    if asked is None or asked == has:
        return
    if has is None:
        raise InvalidInputError(
            f"collection {entry.name!r} was made without embedder=, so it is not known which model "
            "its vectors are of; make another with embedder="
        )
    raise InvalidInputError(
        f"collection {entry.name!r} has vectors of the embedder {has['name']!r} ({has['dim']} "
        f"components), and can't be given {asked['name']!r} ({asked['dim']} components)"
    )


class Embedding:
    """The model of a collection, if it was declared with one.

    Parameters
    ----------
    entry : Entry
        The collection.
    """

    def __init__(self, entry: Entry) -> None:
        self._name = entry.name
        self._recorded = entry.spec.options.get("embedder")
        fields = entry.spec.options.get("text", {"fields": []})["fields"]
        #: Where a text is kept in the payload.
        self.field: str = fields[0] if len(fields) == 1 else "text"
        self.model: Any = None

    def passages(self, texts: Any) -> tuple[list[str], NDArray[Any]]:
        """Texts, checked, and their vectors."""
        texts = _checked(texts)
        return texts, self._vectors(texts, "embed")

    def queries(self, asked: Any) -> Any:
        """The vectors of one text or several; what is no text, as it is."""
        if isinstance(asked, str):
            return self._vectors(_checked([asked]), "embed_queries")[0]
        if isinstance(asked, (list, tuple)) and asked and all(isinstance(a, str) for a in asked):
            return self._vectors(_checked(asked), "embed_queries")
        return asked

    def payloads(self, texts: list[str], payloads: Iterable[Any] | None) -> list[Any]:
        """The payloads with the texts in them."""
        if payloads is None:
            return [{self.field: text} for text in texts]
        held = list(payloads)
        if len(held) != len(texts):
            raise InvalidInputError(f"{len(held):,} payloads for {len(texts):,} texts")
        told = []
        for row, (text, payload) in enumerate(zip(texts, held, strict=True)):
            if payload is not None and not isinstance(payload, dict):
                raise InvalidTypeError(
                    f"payloads: row {row} must be a dict or None, not {checks.described(payload)}"
                )
            if payload and payload.get(self.field, text) != text:
                raise InvalidInputError(
                    f"payloads: row {row} has another text in {self.field!r}, where texts= are kept"
                )
            told.append({**(payload or {}), self.field: text})
        return told

    def _vectors(self, texts: list[str], how: str) -> NDArray[Any]:
        if self._recorded is None:
            raise InvalidTypeError(
                f"collection {self._name!r} has no embedder, so vectors must be numbers, "
                "not texts; make one with embedder= of db.collection"
            )
        if self.model is None:
            raise InvalidInputError(
                f"collection {self._name!r} has vectors of the embedder "
                f"{self._recorded['name']!r}; give it as embedder= to db.collection"
            )
        dim = self._recorded["dim"]
        if not texts:
            return np.empty((0, dim), np.float32)
        vectors = np.asarray(getattr(self.model, how, self.model.embed)(texts))
        if vectors.shape != (len(texts), dim):
            raise InvalidInputError(
                f"the embedder {self._recorded['name']!r} gave an array of shape {vectors.shape} "
                f"for {len(texts):,} texts; it must be ({len(texts)}, {dim})"
            )
        return vectors


def ids_of(texts: list[str]) -> list[uuid.UUID]:
    """An id for each text, made of it: the same text written again is the same record."""
    return [uuid.uuid5(NAMESPACE, text) for text in texts]


def _checked(texts: Any) -> list[str]:
    if isinstance(texts, str):
        raise InvalidTypeError("texts must be a list of texts, not one; write [text]")
    try:
        told = list(texts)
    except TypeError as error:
        raise InvalidTypeError(
            f"texts must be a list of texts, not {checks.described(texts)}"
        ) from error
    for row, text in enumerate(told):
        if not isinstance(text, str):
            raise InvalidTypeError(
                f"texts: row {row} must be a string, not {checks.described(text)}"
            )
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidInputError(
                f"texts: row {row} is not valid Unicode: half of a surrogate pair at character "
                f"{error.start}"
            ) from error
    return told
