"""What is public is listed, documented and typed; importing it brings numpy and nothing else."""

from __future__ import annotations

import doctest
import importlib.metadata
import inspect
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vicinal
from vicinal import _native, exact, index, recall, report, result
from vicinal.index import contents, looking, searching

PUBLIC = [name for name in vicinal.__all__ if name != "__version__"]


def test_all_lists_what_is_public() -> None:
    bound = {
        name
        for name, value in vars(vicinal).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert {*PUBLIC} == bound
    assert sorted(vicinal.__all__) == vicinal.__all__


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_documented(name: str) -> None:
    thing = getattr(vicinal, name)
    assert (inspect.getdoc(thing) or "").strip()
    if inspect.isclass(thing) and not issubclass(thing, Exception):
        for attribute in dir(thing):
            value = inspect.getattr_static(thing, attribute)
            if not attribute.startswith("_") and (
                inspect.isfunction(value) or isinstance(value, property)
            ):
                assert inspect.getdoc(value), f"{name}.{attribute}"


@pytest.mark.parametrize(
    "function", [vicinal.Index, vicinal.Index.add, vicinal.Index.search, vicinal.knn]
)
def test_every_parameter_is_described(function: Any) -> None:
    described = inspect.getdoc(function) or ""
    for name in inspect.signature(function).parameters:
        assert name == "self" or f"{name} :" in described, name
    assert "Raises\n------" in described


@pytest.mark.parametrize(
    "function", [vicinal.Index, vicinal.Index.add, vicinal.Index.search, vicinal.knn]
)
def test_knobs_are_keywords(function: Any) -> None:
    for name in (
        "M",
        "ef_construction",
        "seed",
        "layout",
        "store",
        "level_p",
        "ef_search",
        "threads",
        "exact",
        "progress",
    ):
        parameter = inspect.signature(function).parameters.get(name)
        assert parameter is None or parameter.kind is parameter.KEYWORD_ONLY


@pytest.mark.parametrize(
    "module", [vicinal, contents, exact, index, looking, recall, report, result, searching]
)
def test_examples_in_docstrings_run(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    failed, _ = doctest.testmod(module)
    assert failed == 0


def test_the_version_is_that_of_the_package() -> None:
    assert vicinal.__version__ == _native.__version__ == importlib.metadata.version("vicinal")


def test_the_package_says_it_is_typed() -> None:
    folder = Path(vicinal.__file__).parent
    assert (folder / "py.typed").exists()
    assert (folder / "_native.pyi").exists()


def run(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **env},
    )


def test_importing_needs_numpy_alone() -> None:
    told = run(
        "import sys, numpy\n"
        "before = set(sys.modules)\n"
        "import vicinal\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - {'numpy', 'vicinal', *sys.stdlib_module_names}))"
    )
    assert told.stdout == "[]\n", told.stderr


def test_the_instruction_set_is_told_and_can_be_forced() -> None:
    assert vicinal.isa() in _native.available_isas()
    for isa in _native.available_isas():
        assert run("import vicinal; print(vicinal.isa())", VICINAL_ISA=isa).stdout == f"{isa}\n"


@pytest.mark.parametrize(
    "use",
    ["isa()", "Index(3)", "Index.open('no such file')", "knn([[1.0]], [[1.0]])"],
)
def test_a_wrong_instruction_set_is_refused_by_what_computes(use: str) -> None:
    told = run(f"import vicinal; print(vicinal.__version__); vicinal.{use}", VICINAL_ISA="avx3")
    assert (told.returncode, told.stdout) == (1, f"{vicinal.__version__}\n")
    assert (
        "InvalidInputError: VICINAL_ISA=avx3 is unknown; unset it, or set it to one of"
        in told.stderr
    )


def test_the_native_module_trusts_no_array() -> None:
    native = _native.Index(4, "l2", "f32", 16, 200, 0, None, "compact", None)
    good = np.ones((3, 4), np.float32)
    for bad in (good.astype(np.float64), good.T, good[:, ::2], good[None], good.astype(">f4")):
        with pytest.raises(vicinal.InvalidTypeError, match=r"call vicinal\.Index, which converts"):
            native.add(bad, None, 0, None)
        assert native.search(bad, 1, 1, "auto", False, 0, None, "raise") is None
    with pytest.raises(vicinal.InvalidInputError, match=r"rows of 16 bytes"):
        native.add(np.ones((3, 5), np.float32), None, 0, None)
    with pytest.raises(vicinal.InvalidInputError, match=r"k must be at least 1"):
        native.search(good, 0, 1, "auto", False, 0, None, "raise")
