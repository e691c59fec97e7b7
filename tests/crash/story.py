"""A life of a collection, the same for the same seed: told to a database and to a dict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import vicinal

DIM = 4
IDS = 40

#: Ids with the payload and the vector of each.
Model = dict[int, tuple[dict[str, Any], list[float]]]
Step = tuple[str, Any]


def steps(seed: int) -> Iterator[Step]:
    """What happens, without an end."""
    rng = np.random.default_rng(seed)
    number = 0
    while True:
        number += 1
        ids = rng.choice(IDS, size=int(rng.integers(1, 12)), replace=False).tolist()
        kind = rng.choice(["upsert", "upsert", "upsert", "delete", "payload", "both", "compact"])
        yield str(kind), (ids, number)


def vectors(ids: list[int], number: int) -> list[list[float]]:
    return [[float(i), float(number), 1.0, 0.5] for i in ids]


def payloads(ids: list[int], number: int) -> list[dict[str, Any]]:
    return [{"i": i, "number": number, "text": "x" * (i * 20)} for i in ids]


def told(model: Model, step: Step) -> Model:
    """The model after a step."""
    kind, (ids, number) = step
    model = dict(model)
    if kind in ("upsert", "both"):
        rows = zip(payloads(ids, number), vectors(ids, number), strict=True)
        model.update(zip(ids, rows, strict=True))
    if kind in ("delete", "both"):
        for i in ids[::2]:
            model.pop(i, None)
    if kind == "payload":
        for i in ids:
            if i in model:
                payload, vector = model[i]
                model[i] = ({**payload, "seen": number}, vector)
    return model


def done(db: vicinal.Database, model: Model, step: Step) -> None:
    """The same to a database."""
    docs = db.collection("docs", dim=DIM, metric="l2", if_missing="create")
    kind, (ids, number) = step
    if kind == "upsert":
        docs.upsert(ids, vectors(ids, number), payloads(ids, number))
    elif kind == "delete":
        docs.delete(ids[::2])
    elif kind == "both":
        with db.transaction():
            docs.upsert(ids, vectors(ids, number), payloads(ids, number))
            docs.delete(ids[::2])
    elif kind == "payload":
        docs.set_payload([i for i in ids if i in model], {"seen": number})
    else:
        docs.compact()


def held(db: vicinal.Database) -> Model:
    """What a database has, read in several ways that must agree."""
    if "docs" not in db:
        return {}
    docs = db.collection("docs")
    assert db.verify().ok
    records = docs.scroll(limit=1000, vectors=True).records
    model = {r.id: (r.payload, r.vectors["vector"].tolist()) for r in records}
    assert len(model) == len(docs) == len(records)
    for i, (payload, vector) in list(model.items())[:5]:
        hits = docs.search(vector, k=1)
        assert (hits.ids, hits.distances, hits.payloads) == ([i], [0.0], [payload])
    assert sorted(docs.search([0] * DIM, k=IDS).ids) == sorted(model)
    return model
