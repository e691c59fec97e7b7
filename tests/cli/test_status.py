"""Exit statuses, streams and errors: what a script can rely on."""

from __future__ import annotations

import os
import pty
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vicinal as library
from vicinal.cli import outcome

COMMANDS = ("build", "search", "recall", "tune", "map", "info", "verify", "bench", "demo")
DB_COMMANDS = (
    *("db create", "db load", "db search", "db text", "db get", "db export", "db snapshot"),
    *("db restore", "db verify", "db stats", "db compact"),
)


def test_db_alone_lists_its_commands(vicinal):
    said = vicinal("db")
    assert (said.status, said.out) == (0, vicinal("db", "--help").out)
    assert all(f"\n  {name.split()[1]} " in said.out for name in DB_COMMANDS)


def test_help_is_a_page_of_a_manual(vicinal):
    said = vicinal("--help")
    assert (said.status, said.err) == (0, "")
    for part in ("Usage: vicinal", "Examples:", "Exit status:", "Environment:", *COMMANDS):
        assert part in said.out
    assert "..." not in said.out.replace("[ARGS]...", ""), "a summary was cut short"
    assert vicinal().out == said.out


@pytest.mark.parametrize("command", COMMANDS + DB_COMMANDS)
def test_every_command_explains_itself_and_speaks_json(vicinal, command):
    said = vicinal(*command.split(), "--help")
    assert said.status == 0
    assert said.out.startswith(f"Usage: vicinal {command} ")
    assert "--json" in said.out
    assert "Example" in said.out


@pytest.mark.parametrize("command", COMMANDS + DB_COMMANDS)
def test_examples_stand_a_line_each(shell, command):
    said = shell(*command.split(), "--help").stdout
    examples = said.partition("Example")[2].splitlines()[1:]
    assert examples
    assert all(line.startswith("    vicinal ") for line in examples), said


def test_the_version_is_the_librarys(shell):
    said = shell("--version")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.startswith(f"vicinal {library.__version__}, ")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["serch"], "serch"),
        (["search"], "INDEX"),
        (["search", "a"], "QUERIES"),
        (["search", "a", "b", "-k", "0"], "-k"),
        (["search", "a", "b", "-k", "many"], "-k"),
        (["build", "a"], "--output"),
        (["info", "a", "--jsn"], "--json"),
        (["demo", "--shops", "12"], "2,000"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(vicinal, words, hint):
    said = vicinal(*words)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("vicinal: error: ")
    assert said.err.count("\n") == 1
    assert hint in said.err


@pytest.mark.parametrize(
    ("command", "status"), [("search", 3), ("recall", 3), ("info", 3), ("verify", 3)]
)
def test_an_index_that_is_not_there_is_status_3(vicinal, data, command, status):
    words = [data / "nowhere.vicinal"]
    if command in ("search", "recall"):
        words.append(data / "queries.npy")
    said = vicinal(command, *words, "--json")
    assert said.status == status
    assert said.json["error"]["type"] == "FileMissingError"
    assert said.err == f"vicinal: error: {said.json['error']['message']}\n"


@pytest.mark.parametrize("content", [b"", b"GIF89a and so on" * 40], ids=["empty", "a picture"])
def test_what_is_no_index_is_status_3(vicinal, data, content):
    (data / "x.vicinal").write_bytes(content)
    said = vicinal("info", data / "x.vicinal", "--json")
    assert said.status == 3
    assert said.json["error"]["type"] in ("FormatError", "CorruptionError")
    assert "x.vicinal" in said.err
    assert vicinal("info", data).status == 3  # a folder


def test_a_missing_folder_is_refused_before_the_work(vicinal, data, monkeypatch):
    monkeypatch.setattr(library.Index, "add", lambda *_, **__: pytest.fail("it went to work"))
    said = vicinal("build", data / "vectors.npy", "-o", data / "no" / "a.vicinal")
    assert said.status == 3
    assert "no such folder" in said.err
    said = vicinal("build", data / "vectors.npy", "-o", data / "vectors.npy" / "a.vicinal")
    assert said.status == 2
    assert "is a file, not a folder" in said.err


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_folder_that_takes_no_files_is_refused_before_the_work(vicinal, data, monkeypatch):
    monkeypatch.setattr(library.Index, "add", lambda *_, **__: pytest.fail("it went to work"))
    said = vicinal("build", data / "vectors.npy", "-o", "/proc/self/a.vicinal")  # even for root
    assert said.status == 3
    assert "can't be written to" in said.err


def test_a_device_is_never_replaced(vicinal, data):
    for path in ("/dev/full", "/dev/null"):
        said = vicinal("build", data / "vectors.npy", "-o", path, "--force")
        assert said.status == 2
        assert stat.S_ISCHR(Path(path).stat().st_mode)


@pytest.mark.parametrize("command", ["build", "search"])
def test_a_full_disk_is_status_3_and_leaves_nothing(shell, data, index, command):
    # A limit on the size of files stands for the disk: it needs no privileges.
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    out = data / "out"
    out.mkdir()
    words = {
        "build": ("build", data / "vectors.npy", "-o", out / "a.vicinal"),
        "search": ("search", index, data / "queries.npy", "-k", 100, "-o", out / "hits.jsonl"),
    }[command]
    said = shell(*words, preexec_fn=little_room)
    assert said.returncode == 3, said.stderr
    assert "File too large" in said.stderr
    assert "Traceback" not in said.stderr
    assert list(out.iterdir()) == []


def test_too_little_room_is_noticed_before_the_work(vicinal, data, monkeypatch):
    class Usage:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    monkeypatch.setattr(library.Index, "add", lambda *_, **__: pytest.fail("it went to work"))
    said = vicinal("build", data / "vectors.npy", "-o", data / "a.vicinal")
    assert said.status == 3
    assert "1.0 kB are free" in said.err


def test_standard_output_that_fails_is_status_3(shell, index):
    with Path("/dev/full").open("w") as full:
        said = shell("info", index, "--json", stdout=full)
    assert said.returncode == 3
    assert "No space left" in said.stderr
    assert said.stderr.count("\n") == 1


def test_a_reader_that_stops_reading_is_no_error(index, data):
    words = [sys.executable, "-m", "vicinal", "search", index, data / "queries.npy", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()  # before it has written anything
        assert process.stderr.read() == b""
    assert process.returncode == outcome.Status.PIPE


def test_ctrl_c_stops_a_build_and_writes_nothing(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.random((300_000, 64), np.float32))
    # A terminal, for the progress bar to tell that building has begun.
    screen, terminal = pty.openpty()
    words = [sys.executable, "-m", "vicinal", "build", "x.npy", "-o", "x.vicinal"]
    with subprocess.Popen(
        words,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm"},
    ) as process:
        os.close(terminal)
        seen = b""
        while b"building" not in seen:
            seen += os.read(screen, 1000)
        process.send_signal(signal.SIGINT)
        seen = _rest(screen)
        assert process.stdout.read() == b""
    assert process.returncode == outcome.Status.INTERRUPTED
    assert b"interrupted; nothing was written" in seen
    assert b"Traceback" not in seen
    assert [path.name for path in tmp_path.iterdir()] == ["x.npy"]


def _rest(screen: int) -> bytes:
    seen = b""
    while True:
        try:
            part = os.read(screen, 1000)
        except OSError:  # Linux's way to say that nobody holds the terminal any more
            part = b""
        if not part:
            os.close(screen)
            return seen
        seen += part


def test_a_bug_is_status_4_and_asks_to_be_reported(vicinal, index, monkeypatch):
    def fall(_self: library.Index) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(library.Index, "verify", fall)
    monkeypatch.delenv("VICINAL_TRACEBACK", raising=False)
    said = vicinal("verify", index)
    assert said.status == 4
    assert "please report it: ZeroDivisionError: oh" in said.err
    assert "Traceback" not in said.err
    monkeypatch.setenv("VICINAL_TRACEBACK", "1")
    assert "Traceback" in vicinal("verify", index).err


@pytest.mark.parametrize(
    "words", [["info", "{index}"], ["build", "x.npy", "-o", "y"], ["--version"]]
)
def test_a_wrong_instruction_set_is_one_line_and_status_2(shell, index, monkeypatch, words):
    monkeypatch.setenv("VICINAL_ISA", "sse2")
    said = shell(*(word.format(index=index) for word in words))
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith("vicinal: error: VICINAL_ISA=sse2 is unknown; unset it, or set")
    assert said.stderr.count("\n") == 1
    assert shell("--help").returncode == 0


def test_without_its_extra_the_command_says_what_to_install(tmp_path):
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('no', name='typer')")
    paths = [str(tmp_path), *sys.path]
    said = subprocess.run(
        [sys.executable, "-m", "vicinal", "--help"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == (
        "vicinal: the command line needs typer and rich: pip install 'vicinal[cli]'\n"
    )
