"""Plots: what they show, how they look, and what they refuse."""

from __future__ import annotations

import itertools
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import vicinal
from vicinal.plots import Axis, Panel, Plot, Rule, Series, look

pytest.importorskip("matplotlib")
pytest.importorskip("plotly")

MAP = Path(vicinal.__file__).parent / "map"
HOSTILE = "</script><b>&amp;"


@pytest.fixture(scope="module")
def index() -> vicinal.Index:
    X = np.random.default_rng(0).normal(size=(3_000, 12)).astype(np.float32)
    ix = vicinal.Index(12, M=6, ef_construction=30)
    ix.add(X, threads=1)
    return ix


@pytest.fixture(scope="module")
def plots(index: vicinal.Index) -> dict[str, Plot]:
    queries = np.random.default_rng(1).normal(size=(60, 12)).astype(np.float32)
    X = np.random.default_rng(2).normal(size=(1_500, 12)).astype(np.float32)
    grown = vicinal.Index(12).measure_growth(X, queries, sizes=[400, 1_500])
    return {
        "tune": index.tune(queries, 0.9).plot(),
        "stats": index.stats().plot(),
        "growth": grown.plot(),
        "empty": vicinal.Index(3).stats().plot(),
    }


def shown(plot: Plot) -> dict:
    return json.loads(re.search(r"const figures = (\{.*\}), night", plot.html())[1])


def test_every_plot_is_drawn_in_every_form(plots: dict[str, Plot], tmp_path: Path) -> None:
    for name, plot in plots.items():
        for theme in ("light", "dark"):
            plot.save(tmp_path / f"{name}.svg", theme=theme)
            root = ET.parse(tmp_path / f"{name}.svg").getroot()
            paper = look.THEMES[theme].paper
            assert f"fill: {paper}" in ET.tostring(root, encoding="unicode")
        plot.save(tmp_path / f"{name}.PNG")
        assert (tmp_path / f"{name}.PNG").read_bytes().startswith(b"\x89PNG")
        plot.save(tmp_path / f"{name}.html")
        assert plot.title in (tmp_path / f"{name}.html").read_text(encoding="utf-8")
        assert plot._repr_html_().startswith("<iframe")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_same_plot_gives_the_same_bytes(plots: dict[str, Plot], tmp_path: Path) -> None:
    first, second = tmp_path / "a.svg", tmp_path / "b.svg"
    plots["tune"].save(first)
    plots["tune"].save(second)
    assert first.read_bytes() == second.read_bytes()


def test_stats_shows_what_was_counted(index: vicinal.Index) -> None:
    told = index.stats()
    layers, *degrees = told.plot().panels
    assert list(layers.series[0].y) == told.nodes_per_layer.tolist()
    linked = [counts for counts in told.degree_histogram if counts.sum() > 1]
    assert [list(panel.series[0].y) for panel in degrees] == [c.tolist() for c in linked]


def test_tune_shows_what_was_measured(index: vicinal.Index) -> None:
    queries = np.random.default_rng(4).normal(size=(40, 12)).astype(np.float32)
    report = index.tune(queries, 0.95)
    speed, width = report.plot().panels
    curve, exact, chosen = speed.series
    assert [*zip(curve.x, curve.y, strict=True)] == [(p.recall, p.qps) for p in report.curve]
    assert (exact.x, exact.y) == ([1.0], [report.exact_qps])
    assert (chosen.x, chosen.y) == ([report.recall], [report.qps])
    assert list(width.series[0].x) == [point.ef_search for point in report.curve]
    assert [rule.at for rule in (*speed.rules, *width.rules)] == [0.95, 0.95]


def test_both_themes_of_a_page_show_the_same_data(plots: dict[str, Plot]) -> None:
    for name in ("tune", "growth"):
        themes = shown(plots[name])
        light, dark = (
            [(trace["x"], trace["y"], trace["name"]) for trace in themes[theme]["data"]]
            for theme in ("light", "dark")
        )
        assert light == dark
        assert themes["light"]["layout"]["paper_bgcolor"] == look.LIGHT.paper
        assert themes["dark"]["layout"]["paper_bgcolor"] == look.DARK.paper


def test_no_text_is_taken_for_html() -> None:
    curve = Series(HOSTILE, [1.0], [2.0], look.OWN, hover=[HOSTILE], texts=[HOSTILE])
    panel = Panel(
        HOSTILE, Axis(HOSTILE), Axis("y"), [curve], [Rule("x", 1.0, HOSTILE)], names="legend"
    )
    plot = Plot(HOSTILE, [panel], HOSTILE)
    page = plot.html()
    assert HOSTILE not in page.replace("</script>\n", "")
    (trace,) = shown(plot)["light"]["data"]
    assert trace["name"] == trace["text"][0] == "&lt;/script&gt;&lt;b&gt;&amp;amp;"


def test_curves_and_texts_can_be_seen_on_both_papers() -> None:
    for theme, colour in itertools.product(look.THEMES.values(), (look.OWN, *look.OTHERS)):
        seen = look.visible(colour, theme)
        assert look.contrast(seen, theme.paper) >= 1.8
        assert look.contrast(look.legible(seen, theme), theme.paper) >= 4.5
    for theme in look.THEMES.values():
        assert look.contrast(theme.ink, theme.paper) >= 7
        assert look.contrast(theme.faint, theme.paper) >= 4.5
        ordered = [look.contrast(shade, theme.paper) for shade in look.shades(7, theme)]
        assert ordered == sorted(ordered, reverse=True)
        assert ordered[-1] >= 1.5


def test_the_map_has_the_same_paper_and_ink() -> None:
    style = (MAP / "map.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    for told, theme in ((light, look.LIGHT), (dark, look.DARK)):
        for name, colour in (
            ("land", theme.paper),
            ("ink", theme.ink),
            ("faint", theme.faint),
            ("line", theme.line),
        ):
            assert f"--{name}: {colour};" in told


@pytest.mark.parametrize("name", ["plot.jpg", "plot", "nowhere/plot.png", "."])
def test_what_can_not_be_written_is_refused(
    plots: dict[str, Plot], tmp_path: Path, name: str
) -> None:
    with pytest.raises((vicinal.InvalidInputError, vicinal.FileMissingError)):
        plots["tune"].save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_unknown_theme_is_refused(plots: dict[str, Plot], tmp_path: Path) -> None:
    with pytest.raises(vicinal.InvalidInputError, match="unknown theme 'sepia'; choose one of"):
        plots["tune"].save(tmp_path / "plot.svg", theme="sepia")


@pytest.mark.parametrize(
    ("name", "library"), [("plot.svg", "matplotlib"), ("plot.html", "plotly.offline")]
)
def test_a_missing_library_is_named_with_what_installs_it(
    plots: dict[str, Plot],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    library: str,
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(vicinal.MissingExtraError, match=r"pip install 'vicinal\[plot\]'"):
        plots["tune"].save(tmp_path / name)
    assert not list(tmp_path.iterdir())
