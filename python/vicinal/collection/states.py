"""The states of a collection that are looked at: each a view, of one state of the records."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from vicinal import checks
from vicinal.collection import accept
from vicinal.errors import CorruptionError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import apsw
    import numpy as np
    from numpy.typing import NDArray

    from vicinal.collection.declared import Declared
    from vicinal.collection.space import Space
    from vicinal.collection.view import View
    from vicinal.filters import Expr
    from vicinal.records.store import Store

Answer = TypeVar("Answer")
Seen = TypeVar("Seen")

#: What is looked at: a view, and the slots that a condition allows if there is one.
State: TypeAlias = "tuple[View, NDArray[np.int64] | None]"


class States:
    """Gives states of a collection to whoever asks, and others where one proves damaged.

    Parameters
    ----------
    store, declared
        Those of the collection.
    spaces : dict of str to Space
        Its vectors, by name.
    """

    def __init__(self, store: Store, declared: Declared, spaces: Mapping[str, Space]) -> None:
        self._store = store
        self._declared = declared
        self.spaces = spaces

    def answered(self, ask: Callable[[apsw.Connection], Answer | None]) -> Answer:
        """Ask until the state that is read is not older than what is in memory."""
        while True:
            with self._store.reading() as connection:
                answer = ask(connection)
            if answer is not None:
                return answer

    def space(self, using: str | None) -> Space:
        """The vectors of a name; of the only one where none is given."""
        if using is None and len(self.spaces) != 1:
            raise InvalidInputError(
                f"this collection has the vectors {', '.join(self.spaces) or 'none'}; say which "
                "by using="
            )
        name = next(iter(self.spaces)) if using is None else checks.text("using", using)
        accept.spec_of(name, {name: space.spec for name, space in self.spaces.items()})
        return self.spaces[name]

    @contextlib.contextmanager
    def state(
        self, connection: apsw.Connection, space: Space, condition: Expr | None
    ) -> Iterator[State | None]:
        """A view, and the slots that a condition allows; None where a new look is needed."""
        private = self._store.in_transaction
        with space.looking(connection, private=private) as view:
            if view is None:
                yield None
            elif condition is None:
                yield view, None
            else:
                yield view, self._declared.slots(connection, condition, private=private)

    @contextlib.contextmanager
    def looking(self, space: Space, condition: Expr | None) -> Iterator[State]:
        """`state`, outside of any transaction: nothing is held up."""
        with contextlib.ExitStack() as keep:
            _, state = self.answered(partial(self._kept, keep, space, condition, lambda _: None))
            yield state

    def looked(
        self,
        connection: apsw.Connection,
        space: Space,
        condition: Expr | None,
        look: Callable[[View, NDArray[np.int64] | None], Answer],
    ) -> Answer | None:
        """Look at a view; None where a new look is needed."""
        with self.state(connection, space, condition) as state:
            if state is None:
                return None
            try:
                return look(*state)
            except CorruptionError:
                space.distrust(state[0])
                return None

    def worked(
        self,
        space: Space,
        condition: Expr | None,
        look: Callable[[apsw.Connection], Seen],
        work: Callable[[Seen, State], Answer],
    ) -> Answer:
        """Work on a state and what is read beside it; again without its graph if that is damaged.

        It may take long, and goes on outside of any transaction.
        """
        while True:
            with contextlib.ExitStack() as keep:
                seen, state = self.answered(partial(self._kept, keep, space, condition, look))
                try:
                    return work(seen, state)
                except CorruptionError:
                    space.distrust(state[0])

    def _kept(
        self,
        keep: contextlib.ExitStack,
        space: Space,
        condition: Expr | None,
        look: Callable[[apsw.Connection], Seen],
        connection: apsw.Connection,
    ) -> tuple[Seen, State] | None:
        """A state for as long as ``keep`` lasts, and what is read beside it."""
        state = keep.enter_context(self.state(connection, space, condition))
        return None if state is None else (look(connection), state)
