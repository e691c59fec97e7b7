"""The kinds of questions that are told apart, and the curves that are kept of them."""

from __future__ import annotations

import json
import logging
import math
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from vicinal.collection.effort.asked import Asked
from vicinal.collection.effort.curve import Curve, Mark
from vicinal.filters.paths import path_text
from vicinal.filters.tree import leaves
from vicinal.records import calibrations

if TYPE_CHECKING:
    import apsw
    import numpy as np
    from numpy.typing import NDArray

    from vicinal.collection.space import Space
    from vicinal.collection.view import View
    from vicinal.filters import Expr
    from vicinal.recall import RecallEstimate
    from vicinal.records.store import Store

log = logging.getLogger("vicinal.collection")

#: Kinds of questions that are told apart; more, and those asked longest ago are forgotten.
KINDS = 16

#: Of what is kept beside the records.
FORMAT = 1


class Kind(NamedTuple):
    """Questions that one curve speaks for.

    Attributes
    ----------
    k : int
    fields : str
        Which fields the filter asks for; "" without one.
    band : int
        The filter lets through one in 2^band, or up to twice as many.
    """

    k: int
    fields: str
    band: int

    @staticmethod
    def of(view: View, k: int, condition: Expr | None, allowed: NDArray[np.int64] | None) -> Kind:
        """The kind of a question to a view."""
        if condition is None or allowed is None:
            return Kind(k, "", 0)
        fields = " ".join(sorted({path_text(leaf.path) for leaf in leaves(condition)}))
        share = len(allowed) / max(1, Mark.of(view).vectors)
        return Kind(k, fields, math.ceil(-math.log2(share)) if 0 < share < 1 else 0)


class Kinds:
    """What was asked lately of one name's vectors, kind by kind, and what was measured with it.

    Parameters
    ----------
    space : Space
    store : Store

    Attributes
    ----------
    lock : Lock
        Held by whoever is at what was asked.
    """

    def __init__(self, space: Space, store: Store) -> None:
        self._space = space
        self._store = store
        self.lock = threading.Lock()
        self._kinds: OrderedDict[Kind, Asked] = OrderedDict()
        self._version: int | None = None
        self._kept = True

    def asked(self, kind: Kind) -> Asked:
        """What was asked of a kind lately. The lock is held by whoever calls."""
        found = self._kinds.pop(kind, None) or Asked()
        self._kinds[kind] = found  # at the end
        if len(self._kinds) > KINDS:
            self._kinds.popitem(last=False)
        return found

    def estimate(self, now: Mark, kind: Kind, ef_search: int) -> RecallEstimate | None:
        """What is known of an effort."""
        with self.lock:
            known = self._kinds.get(kind)
            curve = None if known is None else known.believed(now)
        return None if curve is None else curve.estimate(max(ef_search, kind.k))

    def due(self, now: Mark) -> Kind | None:
        """One that it is time to measure."""
        with self.lock:
            return next((kind for kind, of in self._kinds.items() if of.is_due(now)), None)

    def take(self, of: Asked, era: int, curve: Curve | None, queries: int) -> None:
        """Go by what was measured, if anything was, unless the queries are others now."""
        with self.lock:
            if of.era != era:
                return
            if curve is None:
                of.tried(queries)
            else:
                of.take(curve)
                self._kept = False

    def load(self, connection: apsw.Connection) -> None:
        """Take what is kept, where it is news."""
        number = self._space.number
        version = calibrations.version(connection, number)
        if version is None or version == self._version:
            return
        text = calibrations.kept(connection, number)
        said: dict[str, Any] = {"format": None} if text is None else json.loads(text)
        with self.lock:
            self._version = version
            if said["format"] != FORMAT:
                log.warning("%s: what was measured is damaged; not used", self._space.collection)
                return
            for kind, curve in said["curves"]:
                self.asked(Kind(*kind)).take(Curve.from_json(curve))

    def keep(self) -> None:
        """Write down what was measured. Queries are not."""
        with self.lock:
            if self._kept:
                return
            curves = [[kind, of.curve.to_json()] for kind, of in self._kinds.items() if of.curve]
            self._kept = True
        text = json.dumps({"format": FORMAT, "curves": curves})
        with self._store.writing() as connection:
            self._space.table.must_exist(connection)
            version = calibrations.keep(connection, self._space.number, text)
        with self.lock:
            self._version = version
