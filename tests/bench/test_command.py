"""`vicinal bench` from the command line, with no peer and so without a network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("typer")

from vicinal.cli.program import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(17)
    np.save(tmp_path / "vectors.npy", rng.standard_normal((1_200, 16)).astype(np.float32))
    return tmp_path / "vectors.npy"


def test_a_run_and_its_redrawing(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out, peers = tmp_path / "out", tmp_path / "peers"
    where = ["--output", str(out), "--environment", str(peers)]
    what = ["--against", "none", "--variant", "M=8", "--metric", "cosine", "--held-out", "60"]
    how = ["--threads", "1", "--rounds", "1", "--targets", "0.9,0.95", "-k", "5"]
    assert run(["bench", str(data), *what, *how, *where, "--json"]) == 0
    said = json.loads(capfd.readouterr().out)
    assert [row["label"] for row in said["rows"]] == ["vicinal", "vicinal M=8"]
    assert said["data"] == {
        "name": "vectors",
        "rows": 1_140,
        "dim": 16,
        "dtype": "float32",
        "queries": 60,
        "metric": "cosine",
    }
    assert json.loads((out / "results.json").read_text()) == said
    assert not peers.exists(), "nothing is installed that nobody asked for"

    table = (out / "table.md").read_text()
    (out / "table.md").unlink()
    assert run(["bench", "--redraw", *where]) == 0
    assert (out / "table.md").read_text() == table
    assert table in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name a file of vectors"),
        (["--generate", "sift_like:10x4", "DATA"], "one of the two"),
        (["DATA", "--against", "hnswlb"], "no contender is called 'hnswlb'"),
        (["DATA", "--variant", "M"], "write NAME=VALUE"),
        (["DATA", "--targets", "95"], "not between 0 and 1"),
        (["DATA", "--threads", "-1"], "numbers of threads"),
        (["DATA", "--metric", "hamming"], "those in common are l2"),
        (["DATA", "--held-out", "1200"], "hold out fewer"),
        (["DATA", "--clock", "sun"], "'sun'"),
    ],
)
def test_bad_usage_is_named(
    arguments: list[str], says: str, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = [str(data) if word == "DATA" else word for word in arguments]
    assert run(["bench", *words, "--output", str(tmp_path / "out")]) == 2
    assert says in capfd.readouterr().err


def test_results_that_can_have_no_folder_are_refused(
    data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", str(data), "--against", "none", "--output", str(data)]) == 3
    assert f"{data}: no folder for results can be made there" in capfd.readouterr().err
