"""The reference pages and the docstrings tell what the package really has."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from types import ModuleType

import pytest
from pages import ROOT

import vicinal

PYTHON_PAGE = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
CLI_PAGE = ROOT / "docs" / "reference" / "cli.md"
OPTION = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")


def documented() -> set[str]:
    return set(re.findall(r"^::: (vicinal[\w.]*)", PYTHON_PAGE, re.MULTILINE))


def test_the_reference_has_every_public_name() -> None:
    whole = {name for name in documented() if isinstance(resolve(name), ModuleType)}
    missing = {
        name
        for name in vicinal.__all__
        if not name.startswith("__")
        and f"vicinal.{name}" not in documented()
        and f"{getattr(getattr(vicinal, name), '__module__', '')}" not in whole
    }
    assert not missing


def test_the_reference_names_nothing_that_is_not_there() -> None:
    for name in documented():
        resolve(name)


def resolve(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return getattr(resolve(module), attribute)


def modules() -> list[str]:
    found = pkgutil.walk_packages(vicinal.__path__, "vicinal.")
    return ["vicinal", *(m.name for m in found if not m.name.rpartition(".")[2].startswith("_"))]


@pytest.mark.parametrize("name", modules())
def test_the_examples_in_docstrings_are_right(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    failures, _ = doctest.testmod(importlib.import_module(name), optionflags=flags)
    assert not failures


def public_things() -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for name in vicinal.__all__:
        thing = getattr(vicinal, name)
        if inspect.isclass(thing) or inspect.isroutine(thing):
            found.append((name, thing))
        if inspect.isclass(thing):
            found += [
                (f"{name}.{method}", value)
                for method, value in vars(thing).items()
                if not method.startswith("_")
                and (inspect.isroutine(value) or isinstance(value, property | classmethod))
            ]
    return found


@pytest.mark.parametrize(
    ("name", "thing"), public_things(), ids=lambda x: x if isinstance(x, str) else ""
)
def test_every_public_name_has_a_docstring(name: str, thing: object) -> None:
    assert inspect.getdoc(thing), name


def sections(text: str) -> dict[str, str]:
    """The help texts of the page by command; the program's own under ''."""
    head, *rest = re.split(r"^## vicinal ", text, flags=re.MULTILINE)
    return {"": head, **{part.split("\n", 1)[0]: part for part in rest}}


def test_the_command_reference_is_what_the_commands_say() -> None:
    """By commands and options: the layout of the help belongs to the library that prints it."""
    pytest.importorskip("typer")
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        fresh = sections(importlib.import_module("cli_reference").page())
    finally:
        sys.path.pop(0)
    kept = sections(CLI_PAGE.read_text(encoding="utf-8"))
    advice = "run `make cli-reference`"
    assert kept.keys() == fresh.keys(), advice
    for command in fresh:
        assert set(OPTION.findall(kept[command])) == set(OPTION.findall(fresh[command])), advice


def test_the_site_builds_without_a_broken_link(tmp_path) -> None:
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
