"""Holds certificates against distances in float64, on data made to break them, for so many seconds.

``python certificates.py SECONDS SEED``: one line of JSON at the end: how many answers were asked
for, how many of them were certified, and how many of those as exact. What is wrong ends it with the
round's number; ``python certificates.py 0 SEED ROUND`` is that round alone. With VICINAL_DATA set
to a folder, vectors of its files ``*_base.npy`` are among the data.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

import vicinal
from adversarial import KINDS, adversarial, check_proofs, slack
from support import METRICS, NUMBERS, distances
from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUERIES = 600
REAL = sorted(Path(os.environ.get("VICINAL_DATA", "/nowhere")).glob("*_base.npy"))


class Round:
    """One index in one space, as it changes, and the answers that it certifies."""

    def __init__(self, seed: int, number: int) -> None:
        self.rng = rng = np.random.default_rng([seed, number])
        self.counts = np.zeros(3, np.int64)
        self.metric = str(rng.choice(METRICS))
        self.dtype = str(rng.choice(NUMBERS))
        self.store = str(rng.choice(["f32", "f16", "none"])) if self.dtype == "f32" else None
        self.kind = str(rng.choice(KINDS))
        self.dim = int(np.exp(rng.uniform(0, np.log(513))))
        self.scale = 10.0 ** rng.integers(*self.exponents())
        if REAL and rng.random() < 0.2:
            self.kind = str(rng.choice(REAL))
            self.dim = np.load(self.kind, mmap_mode="r").shape[1]
        self.index = vicinal.Index(
            self.dim, self.metric, self.dtype, store=self.store, ef_construction=20, M=6,
            layout=str(rng.choice(["auto", "compact"])),
        )  # fmt: skip

    def exponents(self) -> tuple[int, int]:
        """Sizes that the space has numbers for."""
        if self.dtype in ("i8", "u8"):
            return 0, 3
        if self.dtype == "f16" or self.store == "f16":
            return -2, 3
        return (-5, 14) if self.metric == "cosine" else (-38, 14)

    def rows(self, n: int) -> NDArray[Any]:
        """Rows that may enter."""
        if self.kind in KINDS:
            rows = adversarial(self.kind, self.scale, n, self.dim, int(self.rng.integers(2**32)))
        else:
            base = np.load(self.kind, mmap_mode="r")
            rows = base[np.sort(self.rng.choice(len(base), n, replace=False))].astype(np.float32)
        return self.entering(rows)

    def entering(self, rows: NDArray[Any]) -> NDArray[Any]:
        if self.dtype in ("i8", "u8"):
            least, most = (-128, 127) if self.dtype == "i8" else (0, 255)
            rows = np.clip(rows, least, most).astype(np.int8 if self.dtype == "i8" else np.uint8)
        if self.dtype == "f16" or self.store == "f16":
            rows = np.clip(rows, -6e4, 6e4)
        if self.dtype == "f16":
            rows = rows.astype(np.float16)
        lengths = np.sqrt((rows.astype(np.float64) ** 2).sum(axis=1))
        # Short ones could be rounded to nothing, which has no direction.
        least = {"f16": 1e-2}.get(self.store or self.dtype, 1e-12) if self.metric == "cosine" else 0
        return rows[(lengths < 9e18) & (lengths >= least)]

    def queries(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Stored rows, ones a hair beside them, halfway between two, longer or shorter, or new."""
        rng, n = self.rng, QUERIES // 5
        some = rows[rng.integers(len(rows), size=(2, n))].astype(np.float32)
        toward = rng.choice([-np.inf, np.inf], size=some[0].shape).astype(np.float32)
        with np.errstate(over="ignore", under="ignore"):
            asked = np.vstack([
                some[0],
                np.nextafter(some[0], toward),
                some[0] / 2 + some[1] / 2,
                some[1] * np.float32(10.0 ** rng.integers(-6, 7)),
                self.rows(n).astype(np.float32),
            ])  # fmt: skip
        asked = asked[np.isfinite(asked).all(axis=1)]
        if self.dtype in ("i8", "u8"):
            return self.entering(asked)
        lengths = np.sqrt((asked.astype(np.float64) ** 2).sum(axis=1))
        return asked[(lengths < 9e18) & (lengths >= (1e-12 if self.metric == "cosine" else 0))]

    def check(self) -> None:
        """Ask for proofs of some kind."""
        rng, index = self.rng, self.index
        ids = np.sort(index.ids())
        if rng.random() < 0.25:
            ids = np.sort(rng.choice(ids, max(1, len(ids) // 2), replace=False))
            filtered = {"filter": ids}
        else:
            filtered = {}
        rows = index.get(ids)
        Q = self.queries(rows)
        if len(Q) == 0:
            return
        epsilon = 0.0 if self.metric == "ip" else float(rng.choice([0.0, 0.0, 0.01, 0.3, 4.0]))
        k = int(rng.choice([1, 3, 10, 50, len(ids) + 5]))
        budget = [None, None, 0, 20, 0.1][rng.integers(5)]
        found = index.search(
            Q, k, guarantee=epsilon or "exact", budget=budget, plan="graph",
            ef_search=int(rng.choice([1, 10, 64])), **filtered,
        )  # fmt: skip
        certified = np.asarray(found.certified)
        assert found.certificate is not None
        assert np.all(certified | (budget is not None))
        if budget is not None:
            most = budget if isinstance(budget, int) else int(budget * len(ids))
            assert np.all(found.certificate.measured <= most)
        exact = np.asarray(found.epsilon) == 0
        if epsilon == 0.0:
            scanned = index.search(Q, k, exact=True, **filtered)
            assert np.array_equal(found.ids[certified], scanned.ids[certified])
            assert np.array_equal(found.distances[certified], scanned.distances[certified])
        # Columns of the truth are places in ids.
        found.ids[:] = np.where(found.ids >= 0, np.searchsorted(ids, found.ids), -1)
        check_proofs(
            found, distances(self.metric, self.dtype, Q, rows), slack(self.metric, Q, rows), epsilon
        )
        self.counts += len(Q), certified.sum(), (certified & exact).sum()

    def run(self, folder: Path) -> None:
        """Change the index in all ways there are, and check it after each."""
        rng = self.rng
        n = int(rng.integers(20, 600))
        self.index.add(self.rows(n))
        if len(self.index) < 5:
            return
        self.index.prepare_guarantees(threads=1)
        self.check()
        # Rows that neither the axes nor the step were made for.
        self.index.add(
            self.rows(60) if rng.random() < 0.5 else self.entering(self.rows(60) * np.float32(3))
        )
        self.check()
        self.index.remove(rng.choice(self.index.ids(), len(self.index) // 3, replace=False))
        self.check()
        if rng.random() < 0.5:
            self.index.compact()
        ids = self.index.ids()
        late = self.rows(min(40, len(ids)))
        self.index.upsert(late, ids=rng.choice(ids, len(late), replace=False))
        self.check()
        if rng.random() < 0.3:
            self.index.save(folder / "x.vicinal")
            self.index = vicinal.Index.open(folder / "x.vicinal", mmap=bool(rng.random() < 0.5))
            self.index.prepare_guarantees(threads=1)
            self.check()


def main(seconds: float, seed: int, only: int | None = None) -> None:
    """Go from round to round."""
    counts, refused, number = np.zeros(3, np.int64), 0, only or 0
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        while True:
            one = Round(seed, number)
            try:
                one.run(Path(folder))
            except InvalidInputError:
                refused += 1
            except BaseException:
                print(f"round {number} of seed {seed}: {vars(one)}", file=sys.stderr)
                raise
            counts += one.counts
            number += 1
            if only is not None or time.monotonic() > end:
                break
    asked, certified, exact = counts.tolist()
    told = {"rounds": number, "refused": refused, "asked": asked, "certified": certified}
    print(json.dumps({**told, "exact": exact}))


if __name__ == "__main__":
    main(float(sys.argv[1]), *map(int, sys.argv[2:4]))
