"""A mixed load for a long time: no memory, no descriptors and no files are left behind.

A few seconds of it here, ten minutes by ``make soak``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import THOROUGH

HERE = Path(__file__).parent
SECONDS = 600 if THOROUGH else 8

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for its needs"),
    pytest.mark.timeout(SECONDS + 300),
]


def start(script: str, *args: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / script), *map(str, args)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=HERE
    )


def ended(process: subprocess.Popen[str]) -> Any:
    try:
        out, err = process.communicate(timeout=SECONDS + 200)
    finally:
        process.kill()
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def grown(resident: list[int]) -> float:
    """How much more was needed at the end than in the middle, when all was warm."""
    third = max(1, len(resident) // 3)
    return max(resident[-third:]) / max(resident[-2 * third : -third] or resident)


def test_a_long_mixed_load_leaves_nothing_behind(tmp_path) -> None:
    writer = start("writer.py", tmp_path, SECONDS)
    readers: list[subprocess.Popen[str]] = []
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n", writer.communicate()[1]
        readers = [start("reader.py", tmp_path, seed) for seed in range(2)]
        wrote = ended(writer)
        (tmp_path / "end").touch()
        read = [ended(reader) for reader in readers]
    finally:
        for process in (writer, *readers):
            process.kill()
            process.wait()
    assert wrote["sound"]
    assert wrote["turns"] >= (100 if THOROUGH else 5)
    log = {"records.sqlite-shm", "records.sqlite-wal"}  # a reader may have it open
    assert set(wrote["files"]) - log == {"graphs", "records.sqlite", "writer.lock", "writer.pid"}
    assert wrote["graphs"] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["end", "shop.db"]
    for process in (wrote, *read):
        assert process["descriptors"] == 0
        assert grown(process["resident"]) < 1.1, process["resident"]
    assert all(process["answers"] >= 10 for process in read)


def test_memory_comes_back_when_a_collection_is_dropped(tmp_path) -> None:
    for before, most, after in ended(
        start("dropped.py", tmp_path, 200_000 if THOROUGH else 30_000)
    ):
        assert most > 1.1 * before  # or there was nothing to give back
        assert after < 1.1 * before, (before, most, after)
