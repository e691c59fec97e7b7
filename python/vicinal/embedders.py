"""Models that make vectors of texts, for `Database.collection`'s ``embedder=``.

Anything with a ``name``, a ``dim`` and ``embed`` is one (`Embedder`). Those here stand on other
libraries, which are loaded when one is made; what such a library raises comes through as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from vicinal.errors import MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["Embedder", "FastEmbed", "Model2Vec", "OpenAI", "SentenceTransformers"]

#: Texts that an endpoint is given at a time.
BATCH = 256


@runtime_checkable
class Embedder(Protocol):
    """What makes vectors of texts.

    A model that treats queries in another way than passages also has ``embed_queries``, of the same
    form as ``embed``.

    Attributes
    ----------
    name : str
        Of the model: vectors of two names can't be compared.
    dim : int
        Components of its vectors.
    """

    name: str
    dim: int

    def embed(self, texts: list[str]) -> ArrayLike:
        """Give the vectors of passages, shape (n, dim)."""


class SentenceTransformers:
    """A model of sentence-transformers (``vicinal[sentence-transformers]``).

    Parameters
    ----------
    name : str
        Of the model, as ``SentenceTransformer`` takes it.
    **options
        For ``SentenceTransformer``.
    """

    def __init__(self, name: str, **options: Any) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise _missing("sentence-transformers") from error
        self._model = SentenceTransformer(name, **options)
        self.name = name
        self.dim = _dim(self)

    def embed(self, texts: list[str]) -> ArrayLike:
        """Give the vectors of passages."""
        return _rows(self._model.encode(texts, show_progress_bar=False))


class FastEmbed:
    """A model of fastembed (``vicinal[fastembed]``).

    Parameters
    ----------
    name : str
        Of the model, as ``TextEmbedding`` takes it.
    **options
        For ``TextEmbedding``.
    """

    def __init__(self, name: str, **options: Any) -> None:
        try:
            from fastembed import TextEmbedding
        except ImportError as error:
            raise _missing("fastembed") from error
        self._model = TextEmbedding(name, **options)
        self.name = name
        self.dim = _dim(self)

    def embed(self, texts: list[str]) -> ArrayLike:
        """Give the vectors of passages."""
        return np.stack(list(self._model.embed(texts)))

    def embed_queries(self, texts: list[str]) -> ArrayLike:
        """Give the vectors of queries."""
        return np.stack(list(self._model.query_embed(texts)))


class Model2Vec:
    """A model of model2vec (``vicinal[model2vec]``).

    Parameters
    ----------
    name : str
        A name or a folder, as ``StaticModel.from_pretrained`` takes it.
    **options
        For ``StaticModel.from_pretrained``.
    """

    def __init__(self, name: str, **options: Any) -> None:
        try:
            from model2vec import StaticModel
        except ImportError as error:
            raise _missing("model2vec") from error
        self._model = StaticModel.from_pretrained(name, **options)
        self.name = name
        self.dim = _dim(self)

    def embed(self, texts: list[str]) -> ArrayLike:
        """Give the vectors of passages."""
        return _rows(self._model.encode(texts))


class OpenAI:
    """An endpoint of OpenAI's protocol, theirs or one of one's own (``vicinal[openai]``).

    Parameters
    ----------
    name : str
        Of the model.
    **options
        For ``openai.OpenAI``: ``base_url``, ``api_key``, ``timeout``, ``max_retries`` and so on.
    """

    def __init__(self, name: str, **options: Any) -> None:
        try:
            import openai
        except ImportError as error:
            raise _missing("openai") from error
        self._client = openai.OpenAI(**options)
        self.name = name
        self.dim = _dim(self)

    def embed(self, texts: list[str]) -> ArrayLike:
        """Give the vectors of passages."""
        rows: list[list[float]] = []
        for start in range(0, len(texts), BATCH):
            answer = self._client.embeddings.create(
                model=self.name, input=texts[start : start + BATCH], encoding_format="float"
            )
            # The protocol numbers its answers, and promises no order.
            rows += [one.embedding for one in sorted(answer.data, key=lambda one: one.index)]
        return _rows(rows)


def _rows(values: Any) -> ArrayLike:
    return np.asarray(values, np.float32)


def _dim(model: Embedder) -> int:
    """Components of a model's vectors: asked of one, for not every library tells."""
    return int(np.shape(model.embed(["a"]))[1])


def _missing(package: str) -> MissingExtraError:
    return MissingExtraError(f"this embedder needs {package}: pip install 'vicinal[{package}]'")
