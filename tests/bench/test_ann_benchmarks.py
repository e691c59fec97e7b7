"""The module for ann-benchmarks, under a stand-in for that project's base class."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MODULE = Path(__file__).parents[2] / "bench" / "ann_benchmarks"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module where that project would have it."""
    algorithms = tmp_path / "ann_stand_in" / "algorithms"
    shutil.copytree(MODULE, algorithms / "vicinal")
    (algorithms / "base").mkdir()
    (algorithms / "base" / "module.py").write_text("class BaseANN:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("ann_stand_in.algorithms.vicinal.module")
    for name in [name for name in sys.modules if name.startswith("ann_stand_in")]:
        del sys.modules[name]


@pytest.mark.parametrize("metric", ["euclidean", "angular", "hamming"])
def test_it_does_what_ann_benchmarks_asks(module: Any, metric: str) -> None:
    rng = np.random.default_rng(23)
    X = rng.standard_normal((800, 24)).astype(np.float32)
    if metric == "hamming":
        X = X > 0
    algorithm = module.Vicinal(metric, {"M": 8, "ef_construction": 60})
    algorithm.fit(X)
    algorithm.set_query_arguments(200)
    assert "ef_search=200" in algorithm.name
    for row, x in enumerate(X[:20]):
        found = algorithm.query(x, 5)
        assert len(found) == 5
        assert found[0] == row
    algorithm.batch_query(X[:20], 5)
    assert np.asarray(algorithm.res).shape == (20, 5)
    assert algorithm.get_additional() == {"ef_search": 200}


def test_the_settings_name_what_is_there(module: Any) -> None:
    """Read without a YAML library: the lines are plain."""
    lines = [line.strip(" -") for line in (MODULE / "config.yml").read_text().splitlines()]
    constructors = {line.split(": ")[1] for line in lines if line.startswith("constructor:")}
    assert constructors == {"Vicinal"}
    assert all(hasattr(module, name) for name in constructors)
