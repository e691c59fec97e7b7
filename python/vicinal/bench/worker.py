"""The benchmark's side of a worker process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vicinal.bench.peers.serve import resident_bytes

if TYPE_CHECKING:
    from vicinal.bench.peers import Contender

# Only the folder that holds `peers` goes on the path, and last: nothing installed is shadowed.
_START = "import sys; sys.path.append(sys.argv[1]); from peers.serve import main; main()"


class WorkerError(RuntimeError):
    """A contender could not be started, built or searched; the message says why."""


class Worker:
    """One contender in a process of its own, so that memory and threads do not mix.

    Parameters
    ----------
    contender
        What to run.
    python
        The interpreter whose environment holds its library.
    metric
        The metric to build for.
    base, queries
        Files of float32 vectors.
    log
        Where whatever the library prints is appended.
    environment
        Variables to set for the process, over this one's.
    """

    def __init__(
        self,
        contender: Contender,
        python: Path,
        metric: str,
        base: Path,
        queries: Path,
        log: Path,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.contender = contender
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                [str(python.absolute()), "-c", _START, str(Path(__file__).parent)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                # Python looks for modules where it is started first of all.
                cwd=log.parent,
                env=_environment(python, environment or {}),
            )
        try:
            self.version: str = self._ask(
                {
                    "adapter": contender.adapter,
                    "metric": metric,
                    "base": str(base.absolute()),
                    "queries": str(queries.absolute()),
                    **contender.settings,
                }
            )["version"]
        except WorkerError:
            self.close()
            raise

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have the worker do something and return its answer.

        Raises
        ------
        WorkerError
            If it failed or is gone.
        """
        return self._ask({"do": do, **arguments})

    def build(self, threads: int, cpus: list[int]) -> dict[str, Any]:
        """Build the index; add ``peak``, the most memory held meanwhile, to the worker's answer."""
        peak = _Peak(self.process.pid)
        try:
            answer = self.ask("build", threads=threads, cpus=cpus)
        finally:
            peak.stop()
        before = answer.pop("before")
        answer["peak"] = None if before is None else peak.bytes - before
        return answer

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self.process.wait()
            why = f"ended by signal {-code}" if code < 0 else f"ended with status {code}"
            raise WorkerError(f"the process {why}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer


def _environment(python: Path, more: dict[str, str]) -> dict[str, str]:
    environment = {**os.environ, **more}
    # PYTHONPATH is meant for this interpreter; another one has libraries of its own.
    paths = environment.pop("PYTHONPATH", "")
    if paths and python == Path(sys.executable):
        absolute = [str(Path(path).absolute()) for path in paths.split(os.pathsep)]
        environment["PYTHONPATH"] = os.pathsep.join(absolute)
    return environment


class _Peak:
    """The most memory a process holds, looked at from outside while it works."""

    INTERVAL = 0.02

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.bytes = max(self.bytes, resident_bytes(self.pid) or 0)
            if self._stop.wait(self.INTERVAL):
                return
