"""What the methods of `Collection` stand on: the parts of one handle, joined."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from vicinal import telemetry
from vicinal.collection.ask import Ask
from vicinal.collection.declared import Declared
from vicinal.collection.effort import Effort
from vicinal.collection.embedding import Embedding, asked_embedder, refuse_other_embedder
from vicinal.collection.shelf import Shelf
from vicinal.collection.space import Space
from vicinal.collection.states import States
from vicinal.collection.words import Words
from vicinal.filters import parse
from vicinal.records.table import Table

if TYPE_CHECKING:
    from vicinal.collection.graphs import Builder
    from vicinal.filters import Expr
    from vicinal.records.catalog import CollectionSpec, Entry
    from vicinal.records.store import Store


class Held:
    """The parts of a collection, its name and how it was declared."""

    __slots__ = (
        "_ask",
        "_builder",
        "_declared",
        "_efforts",
        "_embedding",
        "_entry",
        "_shelf",
        "_spaces",
        "_states",
        "_store",
        "_table",
        "_words",
    )

    def __init__(self, store: Store, entry: Entry, builder: Builder | None) -> None:
        self._store = store
        self._entry = entry
        self._builder = builder
        self._table = Table(entry)
        self._shelf = Shelf(entry, self._table)
        self._words = Words(entry)
        self._spaces = {
            name: Space(entry, self._table, name, store.folder, follows=builder is None)
            for name in entry.spec.vectors
        }
        self._embedding = Embedding(entry)
        self._declared = Declared(entry, self._table)
        self._states = States(store, self._declared, self._spaces)
        self._efforts = {
            name: Effort(space, store, partial(self._states.looking, space))
            for name, space in self._spaces.items()
        }
        self._ask = Ask(store, self._table, self._shelf, self._words, self._states, self._efforts)
        if builder is not None:
            for name, space in self._spaces.items():
                effort = self._efforts[name]
                effort.wake = builder.pass_time
                builder.when_idle(space, effort.work)
                builder.watch(space)

    @property
    def _whereabouts(self) -> dict[str, str]:
        return {telemetry.NAMESPACE: self._store.name, telemetry.COLLECTION: self._entry.name}

    @property
    def name(self) -> str:
        """Its name in the database."""
        return self._entry.name

    @property
    def entry(self) -> Entry:
        """What the database's catalog says of it."""
        return self._entry

    @property
    def spec(self) -> CollectionSpec:
        """How it was declared."""
        return self._entry.spec

    @property
    def embedder(self) -> Any:
        """The model that makes vectors of texts; None where none was given."""
        return self._embedding.model

    @embedder.setter
    def embedder(self, model: Any) -> None:
        refuse_other_embedder(self._entry, asked_embedder(model))
        self._embedding.model = model

    def _parsed(self, filter: Any) -> Expr | None:
        return self._declared.check(parse(filter))

    def __repr__(self) -> str:
        vectors = ", ".join(
            f"{name}: {v.dim} {v.dtype} {v.metric}" for name, v in self.spec.vectors.items()
        )
        return f"Collection({self.name!r}, {vectors or 'no vectors'})"
