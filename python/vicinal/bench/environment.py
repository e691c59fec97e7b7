"""The peers' own environment, so that what is compared with never enters Vicinal's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


class Environment:
    """A virtual environment that holds peers, made and filled when first asked for.

    Parameters
    ----------
    folder
        Where it is, or is to be.
    say
        Told what is being done, line by line.
    """

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda _line: None) -> None:
        self.folder = folder.absolute()
        self.say = say
        self._record = self.folder / "peers.json"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        windows = sys.platform == "win32"
        return self.folder / ("Scripts/python.exe" if windows else "bin/python")

    def provide(self, distributions: Iterable[str]) -> dict[str, str]:
        """Install what is asked for and not there yet.

        Returns
        -------
        dict
            For each distribution that could not be installed, the reason; what failed with these
            pins is not tried again.
        """
        wanted = pins()
        tried: dict[str, dict[str, str]] = {}
        if self._record.exists():
            tried = json.loads(self._record.read_text())
        missing: dict[str, str] = {}
        for name in dict.fromkeys(distributions):
            line = wanted[name][0]
            if tried.get(name, {}).get("pin") != line:
                tried[name] = {"pin": line, "error": self._install(line, wanted["numpy"])}
                self._record.write_text(json.dumps(tried, indent=1) + "\n")
            if tried[name]["error"]:
                missing[name] = tried[name]["error"]
        return missing

    def _install(self, line: str, numpy: list[str]) -> str:
        """Install one line and return why that failed, or nothing."""
        if not self.python.exists():
            self.say(f"making the peers' environment in {self.folder}")
            subprocess.run([sys.executable, "-m", "venv", str(self.folder)], check=True)
        self.say(f"installing {line}")
        command = [
            str(self.python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        done = subprocess.run([*command, line, *numpy], capture_output=True, text=True)
        if done.returncode == 0:
            return ""
        errors = [text for text in done.stderr.splitlines() if text.lower().startswith("error")]
        return errors[-1] if errors else f"pip ended with status {done.returncode}"


def pins() -> dict[str, list[str]]:
    """Return the requirement lines of each distribution."""
    found: dict[str, list[str]] = {}
    for line in REQUIREMENTS.read_text().splitlines():
        if line and not line.startswith("#"):
            found.setdefault(line.split("==")[0], []).append(line)
    return found
