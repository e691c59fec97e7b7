"""Lets the tests of this folder share what reads and runs the pages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
