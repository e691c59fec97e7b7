"""`open` and `Database`: collections in a folder."""

from __future__ import annotations

import contextlib
import difflib
import logging
import warnings
from typing import TYPE_CHECKING, Any

from vicinal import checks, telemetry
from vicinal.collection import Collection, declare
from vicinal.collection.embedding import asked_embedder, refuse_other_embedder
from vicinal.collection.graphs import Builder, sweep
from vicinal.collection.space import GRAPHS
from vicinal.collection.words import Words
from vicinal.errors import InvalidInputError, MissingExtraError, NotFoundError
from vicinal.records import catalog, manifest, mounts, verify

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from vicinal.embedders import Embedder
    from vicinal.records.store import Store
    from vicinal.records.verify import Verdict

log = logging.getLogger("vicinal.database")


def open(  # noqa: A001 - `vicinal.open` is what it is called
    path: str | os.PathLike[str], *, mode: str = "w", durability: str = "full"
) -> Database:
    """Open a database, or make one.

    Parameters
    ----------
    path : str or Path
        A folder, made where it is missing.
    mode : {"w", "r"}
        "w" reads and writes; one process may have a database open so. "r" reads, beside a writer
        and any number of other readers, in this process or others.
    durability : {"full", "normal"}
        "full": a write that returned is on the disk, and survives a power cut. "normal": it is
        with the system, and survives the end of the process; a power cut may cost the last
        writes, whole ones, and leaves the database sound.

    Returns
    -------
    Database
        Also a context manager, which closes it.

    Raises
    ------
    LockedError
        Another process has it open for writing; its `pid` says which.
    FileMissingError
        ``mode="r"`` and no such folder, or no folder to make it in.
    FormatError
        Something else is there, or a database of a newer version.
    MissingExtraError
        apsw is not installed.
    StorageError
        The system refuses.

    Warns
    -----
    UserWarning
        The folder lies on a network file system (found out on Linux only).

    Examples
    --------
    >>> import numpy as np, vicinal
    >>> with vicinal.open("shop.db") as db:
    ...     docs = db.collection("docs", dim=4, if_missing="create")
    ...     docs.upsert(["a", "b"], np.eye(4)[:2], [{"cat": "x"}, {"cat": "y"}])
    ...     docs.get(["b"])[0].payload
    2
    {'cat': 'y'}
    """
    try:
        from vicinal.records.store import Store
    except ImportError as error:
        raise MissingExtraError("databases need apsw: pip install 'vicinal[db]'") from error
    mode = checks.choice("mode", mode, ("w", "r"))
    durability = checks.choice("durability", durability, ("full", "normal"))
    store = Store(path, mode, durability)
    if (kind := mounts.network(store.folder)) is not None:
        message = (
            f"{store.folder} lies on a network file system ({kind}), whose locks can't be relied "
            "on: two writers may damage the database. Put it on a local disk"
        )
        log.warning("%s", message)
        warnings.warn(message, stacklevel=2)
    return Database(store)


def restore(backup: str | os.PathLike[str], path: str | os.PathLike[str]) -> Path:
    """Make a database of a copy that `Database.snapshot` made, or of any other database.

    Parameters
    ----------
    backup : str or Path
        The copy, which stays as it is.
    path : str or Path
        A name that is free.

    Returns
    -------
    Path
        The new folder, complete and durable.

    Raises
    ------
    FileMissingError, FormatError
        There is no database at ``backup``.
    InvalidInputError
        Something is at ``path``.
    CorruptionError, StorageError
        The copy can't be read, or the disk is full; nothing is left at ``path``.
    """
    with open(backup, mode="r") as db:
        return db.snapshot(path)


class Database:
    """Collections in a folder. `vicinal.open` makes it."""

    __slots__ = ("_builder", "_known", "_store")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Collection] = {}
        self._builder = Builder(store) if store.writable else None
        if store.writable:
            sweep(store)

    @property
    def _whereabouts(self) -> dict[str, str]:
        return {telemetry.NAMESPACE: self._store.name}

    @property
    def path(self) -> Path:
        """The folder."""
        return self._store.folder

    def collections(self) -> list[str]:
        """Give the names of all collections, sorted."""
        with self._store.reading() as connection:
            return catalog.names(connection)

    @telemetry.traced()
    def collection(
        self,
        name: str,
        *,
        dim: int | None = None,
        metric: str | None = None,
        dtype: str | None = None,
        vectors: Mapping[str, Mapping[str, Any]] | None = None,
        text: Sequence[str] | None = None,
        tokenizer: str | None = None,
        fields: Mapping[str, str] | None = None,
        embedder: Embedder | None = None,
        if_missing: str = "error",
    ) -> Collection:
        """Give a collection, or make it.

        Parameters
        ----------
        name : str
            Letters, digits, "_", and between them also spaces, dots and hyphens; up to 128.
        dim : int, optional
            Components of its vectors. Needed to make it; of one that is there it must be the same,
            as must the rest.
        metric : {"cosine", "l2", "sqeuclidean", "ip", "hamming", "jaccard"}, optional
            As in `Index`. "cosine" where a collection is made without saying.
        dtype : {"f32", "f16", "bf16", "i8", "u8", "bits"}, optional
            How vectors are stored. "f32" where a collection is made without saying.
        vectors : dict of str to dict, optional
            Instead of the three: several vectors a record, by name, each with its own ``dim``,
            ``metric``, ``dtype``, and ``M``, ``ef_construction`` and ``layout`` of its graph.
        text : sequence of str, optional
            Fields of payloads whose text is searched by `Collection.text` and `Collection.hybrid`.
        tokenizer : {"unicode61", "porter", "trigram"}, optional
            How text is cut: into words, into English words by their stem, or into any three
            characters, to find substrings. "unicode61" where a collection is made without saying.
        fields : dict of str to {"keyword", "number", "bool", "datetime", "geo"}, optional
            Fields of payloads that filters ask for, and of which kind they are. Filters on them
            take bitmaps in memory, at any size in about a millisecond, and are checked: a field
            that is not among them is refused. Without it every field can be asked for, and every
            payload is looked at.
        embedder : Embedder, optional
            A model that makes vectors of texts, as in `vicinal.embedders`, for `Collection.upsert`
            and `Collection.search` with texts. Its name and ``dim`` are recorded where a collection
            is made, and another model is refused from then on.
        if_missing : {"error", "create"}
            Whether to make it.

        Raises
        ------
        NotFoundError
            There is none of that name.
        InvalidInputError
            There is one, declared otherwise.
        """
        name = declare.checked_name("collection", name)
        create = checks.choice("if_missing", if_missing, ("error", "create")) == "create"
        model = asked_embedder(embedder)
        if model is not None and dim is None and vectors is None:
            dim = model["dim"]
        asked = declare.asked_vectors(dim, metric, dtype, vectors)
        words, kinds = declare.asked_text(text, tokenizer), declare.asked_fields(fields)
        with self._store.reading() as connection:
            entry = catalog.find(connection, name)
        if entry is None and create:
            spec = declare.complete(asked, words, kinds, model)
            with self._store.writing() as connection:
                # Another thread may have been quicker.
                entry = catalog.find(connection, name) or declare.create(connection, name, spec)
        if entry is None:
            raise NotFoundError(f"{self._missing(name)} (if_missing='create' makes it)")
        refuse_other_embedder(entry, model)
        declare.refuse_other(entry, asked)
        declare.refuse_other_options(entry, words, kinds)
        known = self._known.get(name)
        if known is None or known.entry != entry:
            known = self._known[name] = Collection(self._store, entry, self._builder)
        if embedder is not None:
            known.embedder = embedder
        return known

    @telemetry.traced()
    def drop(self, name: str) -> None:
        """Remove a collection and all its records.

        Raises
        ------
        NotFoundError
            There is none of that name.
        """
        with self._store.writing() as connection:
            entry = catalog.find(connection, declare.checked_name("collection", name))
            if entry is None:
                raise NotFoundError(self._missing(name))
            named = dict(manifest.named(connection))
            declare.drop(connection, entry)
        self._known.pop(name, None)
        # Within a transaction, which may still be undone, that is left to the next open.
        if self._builder is not None and not self._store.in_transaction:
            numbers = entry.vectors.values()
            self._builder.forget(numbers, [named[v] for v in numbers if v in named])
            self._store.release_memory()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Database]:
        """Make the writes of a block one: all of them are durable at its end, or none is written.

        What this thread reads within the block has its own writes; all others see them when the
        block has ended. Writes of other threads wait until then.

        Examples
        --------
        >>> import vicinal
        >>> with vicinal.open("notes.db") as db:
        ...     notes = db.collection("notes", vectors={}, if_missing="create")
        ...     with db.transaction():
        ...         _ = notes.upsert(["old"])
        ...         _ = notes.delete(["new"])
        """
        with telemetry.span("transaction", self._whereabouts), self._store.writing():
            yield self

    @telemetry.traced()
    def verify(self, *, repair: bool = False) -> Verdict:
        """Read everything, and check that each record is what was written.

        Parameters
        ----------
        repair : bool
            True removes the damaged records, which could not be read any more, so that all else
            goes on without them. Take a copy of the folder first: it is the last of them.

        Returns
        -------
        Verdict
            `ok`, and the damaged records by id.
        """
        if not checks.flag("repair", repair):
            with self._store.reading() as connection:
                return verify.verify(connection)
        with self._store.writing() as connection:
            verdict = verify.verify(connection)
            for name in {damage.collection for damage in verdict.damaged}:
                entry = catalog.find(connection, name)
                assert entry is not None, "the same transaction named it"
                slots = [d.slot for d in verdict.damaged if d.collection == name]
                Words(entry).remove(connection, slots)
            return verify.repair(connection, verdict)

    @telemetry.traced()
    def snapshot(self, path: str | os.PathLike[str]) -> Path:
        """Copy the present state to a new folder, while others read and write.

        The copy is a database: `vicinal.open` opens it, `vicinal.restore` makes another of it.

        Parameters
        ----------
        path : str or Path
            A name that is free.

        Returns
        -------
        Path
            The folder, complete and durable.

        Raises
        ------
        InvalidInputError
            Something of that name is there.
        StorageError
            A full or failing disk; nothing is left of the copy.
        """
        from vicinal.records.copies import copy  # only here, for it needs an extra

        if self._store.in_transaction:
            raise InvalidInputError("snapshot: not within a transaction; call it behind the block")
        return copy(self._store, path, GRAPHS)

    def close(self) -> None:
        """Close it. What was written stays; collections of it can't be used any more.

        A graph that is being made is given up, to be made later; one that is ahead of its file is
        saved, which may take as long as writing that much.
        """
        if self._builder is not None and self._store.usable:
            self._builder.stop()
        self._store.close()

    def _missing(self, name: str) -> str:
        names = self.collections()
        near = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or 'none'}"
        return f"{self.path}: no collection {name!r}; {hint}"

    def __enter__(self) -> Database:  # noqa: PYI034 - Self is not in 3.10's typing
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __contains__(self, name: object) -> bool:
        return name in self.collections()

    def __repr__(self) -> str:
        return f"Database({str(self.path)!r}{'' if self._store.writable else ', read-only'})"
