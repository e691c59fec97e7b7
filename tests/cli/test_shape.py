"""`vicinal stats`, `vicinal growth`, and the plots of commands."""

from __future__ import annotations

import numpy as np
import pytest

from vicinal import Index

pytest.importorskip("matplotlib")
pytest.importorskip("plotly")


def test_stats_counts_what_the_index_counts(vicinal, index, tmp_path):
    told = Index.open(index).stats()
    said = vicinal("stats", index, "--json").json
    assert (said["command"], said["vectors"]) == ("stats", told.count)
    assert said["nodes_per_layer"] == told.nodes_per_layer.tolist()
    assert said["degree_histogram"] == [counts.tolist() for counts in told.degree_histogram]
    plot = tmp_path / "shape.svg"
    lines = vicinal("stats", index, "--plot", plot, "--theme", "dark").out.splitlines()
    assert lines[2].split()[:2] == ["0", f"{told.nodes_per_layer[0]:,}"]
    assert plot.read_text(encoding="utf-8").startswith("<?xml")


def test_growth_measures_both_ways(vicinal, data, tmp_path):
    words = ("growth", data / "vectors.npy", data / "queries.npy", "-k", 5, "--first", 20)
    plot = tmp_path / "growth.html"
    said = vicinal(*words, "--plot", plot, "--json").json
    rows = len(np.load(data / "vectors.npy"))
    assert said["points"][-1]["count"] == said["points"][-1]["exact_evaluations"] == rows
    assert plot.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert vicinal(*words).out.splitlines()[-1].split()[0] == f"{rows:,}"


def test_tune_draws_its_curve(vicinal, data, index, tmp_path):
    plot = tmp_path / "tune.png"
    words = ("tune", index, data / "queries.npy", "--plot", plot, "--target", 0.5)
    assert vicinal(*words).status == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    again = vicinal(*words)
    assert again.status == 2
    assert "--force replaces it" in again.err
    assert vicinal(*words, "--force").status == 0


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--plot", "shape.jpg"), 2),
        (("--plot", "shape.svg", "--theme", "sepia"), 2),
        (("--plot", "nowhere/shape.svg"), 3),
    ],
)
def test_what_can_not_be_drawn_is_refused(vicinal, index, tmp_path, monkeypatch, words, status):
    monkeypatch.chdir(tmp_path)
    assert vicinal("stats", index, *words).status == status
    assert not list(tmp_path.glob("**/shape.*"))
