"""No certificate is wrong: a few thousand of them here, millions by ``make soak``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support import THOROUGH

SECONDS = 900 if THOROUGH else 5


@pytest.mark.timeout(SECONDS + 120)
def test_certificates_hold_in_float64() -> None:
    script = Path(__file__).parent / "certificates.py"
    command = [sys.executable, str(script), str(SECONDS), "6"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["certified"] > 0.4 * told["asked"] > 0
    assert told["exact"] > 0
    assert told["refused"] < 0.1 * told["rounds"]
