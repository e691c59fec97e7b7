"""Tables and charts say what was measured, from the file of results alone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from vicinal.bench import charts
from vicinal.bench.report import markdown
from vicinal.bench.results import Build, Results, Row, Settings, Step

if TYPE_CHECKING:
    from pathlib import Path


def row(label: str, speed: float, recalls: tuple[float, ...] = (0.85, 0.92, 0.96, 0.995)) -> Row:
    """A row whose rounds differ by a tenth up and down."""
    steps = [
        Step(10 * 2**i, recall, recall - 0.01, recall + 0.01, qps={1: [q, 1.1 * q, 0.9 * q]})
        for i, recall in enumerate(recalls)
        for q in [speed / 2**i]
    ]
    builds = [
        Build(
            threads=2,
            seconds=12.34,
            cpu_seconds=20.0,
            resident=500_000,
            peak=2_000_000,
            counted=450_000,
        )
    ]
    return Row(label, label, "1.2", {"M": 16}, "ef_search", "a note", builds, steps)


@pytest.fixture
def results() -> Results:
    data = {
        "name": "little",
        "rows": 1000,
        "dim": 8,
        "dtype": "uint8",
        "queries": 50,
        "metric": "l2",
    }
    machine = {"processor": "a processor", "processors": 2, "date": "2026-01-31", "load": 0.1}
    settings = replace(Settings(rounds=3), threads=[1], build_threads=[2])
    rows = [
        row("hnswlib", 1000.0),
        row("vicinal", 2000.0),
        row("annoy", 9000.0, (0.7, 0.91)),
        Row("scann", "scann", "", {}, "leaves", "", error="no wheel\nfor this platform"),
    ]
    return Results(data, settings, machine, rows)


def cells(text: str, label: str) -> list[str]:
    line = next(line for line in text.splitlines() if re.match(rf"\| \**{label}\** \|", line))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_fastest_at_the_middle_target_comes_first_and_ours_is_bold(results: Results) -> None:
    text = markdown(results)
    names = re.findall(r"^\| ([*\w]+) \| \d", text, re.MULTILINE)
    assert names == ["**vicinal**", "hnswlib", "annoy"]


def test_figures_stand_in_their_columns(results: Results) -> None:
    head, ours = cells(markdown(results), ""), cells(markdown(results), "vicinal")
    by_name = dict(zip(head, ours, strict=True))
    assert by_name["build s, 2 threads"] == "12.3"
    assert by_name["bytes a vector"] == "500"
    assert by_name["counted"] == "450"
    assert by_name["peak MB"] == "2"
    assert by_name["\N{MULTIPLICATION SIGN} hnswlib at 0.95"] == "2.00"
    # A quarter of the way from 0.96 back to 0.92, down from 500.
    assert by_name["QPS at 0.95"] == f"{500 * 2**0.25:,.0f} ±10%"


def test_a_column_each_for_the_most_used_and_the_strongest_peer(results: Results) -> None:
    assert not any("symqg" in cell for cell in cells(markdown(results), ""))
    results.rows.append(row("symqg", 4000.0))
    head, ours = cells(markdown(results), ""), cells(markdown(results), "vicinal")
    by_name = dict(zip(head, ours, strict=True))
    assert by_name["\N{MULTIPLICATION SIGN} hnswlib at 0.95"] == "2.00"
    assert by_name["\N{MULTIPLICATION SIGN} symqg at 0.95"] == "0.50"


def test_what_is_not_reached_or_not_measured_is_said(results: Results) -> None:
    text = markdown(results)
    assert cells(text, "annoy")[2:4] == ["-", "-"]
    assert "- scann is missing: no wheel for this platform" in text


def test_a_busy_machine_is_admitted(results: Results) -> None:
    assert "other work" not in markdown(results)
    results.machine["load"] = 3.0
    assert "other work: load 3.0" in markdown(results)


def test_results_survive_a_file(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path / "results.json")
    again = Results.load(tmp_path / "results.json")
    assert again.rows == results.rows
    assert markdown(again) == markdown(results)


def test_results_of_another_version_are_refused(results: Results, tmp_path: Path) -> None:
    held = json.loads(results.to_json())
    (tmp_path / "results.json").write_text(json.dumps({**held, "format": 0}))
    with pytest.raises(ValueError, match="not results of this version"):
        Results.load(tmp_path / "results.json")


def test_the_plot_has_a_panel_for_each_number_of_threads_and_a_curve_for_each_row(
    results: Results,
) -> None:
    (panel,) = charts.plot(results).panels
    assert [series.name for series in panel.series] == ["hnswlib", "vicinal", "annoy"]
    assert [series.name for series in panel.series if series.strong] == ["vicinal"]
    for one in results.rows:
        for step in one.steps:
            step.qps[2] = step.qps[1]
    results.settings.threads = [1, 2]
    assert len(charts.plot(results).panels) == 2


def test_a_point_tells_the_effort_that_it_was_measured_with(results: Results) -> None:
    (panel,) = charts.plot(results).panels
    ours = next(series for series in panel.series if series.name == "vicinal")
    row = next(row for row in results.rows if row.label == "vicinal")
    for recall, told in zip(ours.x, ours.hover, strict=True):
        effort = next(step.effort for step in row.steps if step.recall == recall)
        assert f"{row.effort_name}={effort}, " in told


def test_peers_are_told_apart_by_colour_or_dash_and_ours_is_alone_in_its_colours() -> None:
    rows = [row("vicinal", 1.0), *(row(f"peer{i}", 1.0) for i in range(15))]
    look = charts.styles(rows)
    peers = [
        (style["colour"], style["dash"]) for label, style in look.items() if label != "vicinal"
    ]
    assert len(set(peers)) == 15
    assert look["vicinal"]["colour"] not in {colour for colour, _ in peers}
