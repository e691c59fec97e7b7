"""A mapped index takes as much memory as searches touch: what lies cold stays on the disk."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import vicinal

CLUSTERS, PER_CLUSTER, DIM = 100, 300, 96

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for resident pages")


def resident(path: Path) -> int:
    """Bytes of the file that this process has in memory."""
    total, ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            ours = line.endswith(str(path))
        elif ours and line.startswith("Rss:"):
            total += int(line.split()[1]) * 1024
    return total


def put_out_of_memory(path: Path) -> None:
    """Let the system forget the file's pages: those it still has come into a map by the dozen."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@pytest.mark.parametrize("store", ["f32", "f16"])
def test_skewed_queries_touch_less_than_a_third_of_a_mapped_index(
    rng: np.random.Generator, tmp_path: Path, store: str
) -> None:
    centres = rng.normal(scale=3, size=(CLUSTERS, 1, DIM))
    # Rows come topic by topic, as documents do, and queries ask for a few of the topics.
    X = (centres + rng.normal(size=(CLUSTERS, PER_CLUSTER, DIM))).astype(np.float32)
    Q = X[:5].reshape(-1, DIM)[::10] + rng.normal(size=(150, DIM)).astype(np.float32) / 4
    index = vicinal.Index(DIM, store=store)
    index.add(X.reshape(-1, DIM))
    path = tmp_path / "a.vicinal"
    index.save(path)
    put_out_of_memory(path)
    mapped = vicinal.Index.open(path, mmap=True)
    assert resident(path) < 0.05 * path.stat().st_size
    found = mapped.search(Q, k=10, plan="graph")
    share = resident(path) / path.stat().st_size
    assert np.array_equal(found.ids, index.search(Q, k=10, plan="graph").ids)
    assert 0.05 < share < 1 / 3, share
