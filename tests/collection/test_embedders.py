"""Texts instead of vectors: the model is recorded, and no other is let in."""

from __future__ import annotations

import http.server
import json
import sys
import threading
import types
import uuid
from typing import Any

import numpy as np
import pytest

import vicinal
from vicinal import embedders


class Letters:
    """Counts letters: a small model that is the same everywhere."""

    name = "letters"
    dim = 26

    def embed(self, texts: list[str]) -> Any:
        return [
            [text.count(letter) + 0.01 for letter in map(chr, range(97, 123))] for text in texts
        ]


class Asking(Letters):
    """One that treats queries otherwise: backwards letters."""

    def embed_queries(self, texts: list[str]) -> Any:
        return np.asarray(self.embed(texts))[:, ::-1]


TEXTS = ["banana", "zzz", "queue"]


def make(db: Any, **how: Any) -> Any:
    how = {"embedder": Letters(), **how}
    return db.collection("docs", if_missing="create", **how)


def test_texts_are_written_and_found(db) -> None:
    docs = make(db)
    assert docs.upsert(["a", "b", "c"], texts=TEXTS, payloads=[None, {"n": 1}, {}]) == 3
    assert docs.search("ananab", k=1).ids == ["a"]
    assert [hits.ids for hits in docs.search(["zz", "ueueq"], k=1)] == [["b"], ["c"]]
    assert docs.get(["b"])[0].payload == {"n": 1, "text": "zzz"}
    vector = docs.get(["a"], vectors=True)[0].vectors["vector"]
    assert (vector == np.float32(Letters().embed(["banana"])[0])).all()


def test_texts_are_kept_where_text_is_searched(db) -> None:
    docs = make(db, text=["body"])
    docs.upsert(["a", "b", "c"], texts=TEXTS)
    assert docs.get(["a"])[0].payload == {"body": "banana"}
    assert docs.text("banana").ids == ["a"]
    assert docs.hybrid("queue", text="queue", k=1).ids == ["c"]


def test_without_ids_the_same_text_is_the_same_record(db) -> None:
    docs = make(db)
    docs.upsert(texts=TEXTS)
    docs.upsert(texts=[TEXTS[0], "new"])
    assert len(docs) == 4
    assert isinstance(docs.search("banana", k=1).ids[0], uuid.UUID)
    with pytest.raises(vicinal.DuplicateIdError):
        docs.upsert(texts=["twice", "twice"])
    assert docs.upsert(texts=[]) == 0


def test_queries_have_their_own_way_where_a_model_has_one(db) -> None:
    docs = make(db, embedder=Asking())
    docs.upsert(["a", "z"], texts=["aaa", "zzz"])
    assert docs.search("aaa", k=1).ids == ["z"]


def test_a_wrong_model_is_refused(path) -> None:
    with vicinal.open(path) as db:
        make(db).upsert(["a"], texts=["banana"])
        db.collection("plain", dim=26, if_missing="create")
    with vicinal.open(path) as db:
        other = Letters()
        other.name = "others"
        with pytest.raises(vicinal.InvalidInputError, match=r"of the embedder 'letters'.*'others'"):
            make(db, embedder=other)
        wide = Letters()
        wide.dim = 27
        with pytest.raises(vicinal.InvalidInputError, match=r"26 components.*27 components"):
            make(db, embedder=wide)
        with pytest.raises(vicinal.InvalidInputError, match="was made without embedder="):
            db.collection("plain", embedder=Letters())
        docs = db.collection("docs")
        with pytest.raises(vicinal.InvalidInputError, match=r"of the embedder 'letters'; give it"):
            docs.search("banana")
        with pytest.raises(vicinal.InvalidTypeError, match="has no embedder"):
            db.collection("plain").upsert(["a"], texts=["banana"])
        with pytest.raises(vicinal.InvalidInputError, match="can't be given 'others'"):
            docs.embedder = other
        assert db.collection("docs", embedder=Letters()).search("banana").ids == ["a"]
        assert db.collection("docs").search("banana").ids == ["a"]  # it is known by now


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"ids": ["a"], "texts": "banana"}, "write \\[text\\]"),
        ({"ids": ["a"], "texts": 7}, "must be a list of texts"),
        ({"ids": ["a"], "texts": [7]}, "row 0 must be a string"),
        ({"ids": ["a"], "texts": ["\ud800"]}, "row 0 is not valid Unicode"),
        ({"ids": ["a"], "texts": ["b"], "vectors": [[0]]}, "either vectors or texts="),
        ({"ids": ["a", "b"], "texts": ["b"]}, "1 payloads for 2 ids|1 vectors|for 2 ids"),
        ({"ids": ["a"], "texts": ["b"], "payloads": []}, "0 payloads for 1 texts"),
        ({"ids": ["a"], "texts": ["b"], "payloads": [7]}, "row 0 must be a dict"),
        ({"ids": ["a"], "texts": ["b"], "payloads": [{"text": "c"}]}, "has another text in 'text'"),
    ],
)
def test_texts_that_can_not_be_taken(db, how, message) -> None:
    docs = make(db)
    with pytest.raises((vicinal.InvalidInputError, vicinal.InvalidTypeError), match=message):
        docs.upsert(**how)
    assert len(docs) == 0


def test_models_that_can_not_be_taken(db) -> None:
    with pytest.raises(vicinal.InvalidTypeError, match="must have name, dim and embed"):
        make(db, embedder=lambda texts: texts)
    with pytest.raises(vicinal.InvalidInputError, match="goes with a collection of one vector"):
        make(db, dim=3)
    with pytest.raises(vicinal.InvalidInputError, match="goes with a collection of one vector"):
        make(db, vectors={"a": {"dim": 26}, "b": {"dim": 26}})
    assert db.collections() == []
    wrong = Letters()
    wrong.embed = lambda _texts: [[1.0, 2.0]]  # type: ignore[method-assign]
    with pytest.raises(vicinal.InvalidInputError, match=r"gave an array of shape \(1, 2\)"):
        make(db, embedder=wrong).upsert(["a"], texts=["b"])


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Speaks as much of OpenAI's protocol as embeddings need, the answers in no order."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rows = Letters().embed(asked["input"])
        data = [{"object": "embedding", "index": i, "embedding": r} for i, r in enumerate(rows)]
        answer = {
            "object": "list",
            "model": asked["model"],
            "data": data[::-1],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }
        self.send_response(200 if self.path == "/v1/embeddings" else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_words: Any) -> None:
        pass


def test_an_endpoint_is_asked_in_batches_and_put_in_order(db, monkeypatch) -> None:
    pytest.importorskip("openai")
    monkeypatch.setattr(embedders, "BATCH", 2)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/v1"
        model = embedders.OpenAI("letters", base_url=url, api_key="none")
        assert (model.name, model.dim) == ("letters", 26)
        assert np.array_equal(model.embed(TEXTS), np.float32(Letters().embed(TEXTS)))
        docs = make(db, embedder=model)
        docs.upsert(["a", "b", "c"], texts=TEXTS)
        assert docs.search("queue", k=1).ids == ["c"]
    finally:
        model._client.close()
        server.shutdown()
        thread.join()
        server.server_close()


class Library:
    """What the three libraries have in common: a model by name, which makes vectors of texts."""

    def __init__(self, name: str) -> None:
        assert name == "some/model"

    from_pretrained = classmethod(lambda cls, name: cls(name))

    def encode(self, texts: list[str], show_progress_bar: bool = False) -> Any:
        assert not show_progress_bar
        return np.float32(Letters().embed(texts))

    def embed(self, texts: list[str]) -> Any:
        return iter(np.float32(Letters().embed(texts)))

    def query_embed(self, texts: list[str]) -> Any:
        return iter(np.float32(Asking().embed_queries(texts)))


@pytest.mark.parametrize(
    ("module", "inside", "adapter"),
    [
        ("sentence_transformers", "SentenceTransformer", embedders.SentenceTransformers),
        ("fastembed", "TextEmbedding", embedders.FastEmbed),
        ("model2vec", "StaticModel", embedders.Model2Vec),
    ],
)
def test_adapters_ask_their_library(monkeypatch, module, inside, adapter) -> None:
    fake = types.ModuleType(module)
    setattr(fake, inside, Library)
    monkeypatch.setitem(sys.modules, module, fake)
    model = adapter("some/model")
    assert isinstance(model, embedders.Embedder)
    assert (model.name, model.dim) == ("some/model", 26)
    assert np.array_equal(model.embed(TEXTS), np.float32(Letters().embed(TEXTS)))
    if module == "fastembed":
        asked = np.float32(Asking().embed_queries(TEXTS))
        assert np.array_equal(model.embed_queries(TEXTS), asked)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(vicinal.MissingExtraError, match="pip install"):
        adapter("some/model")
