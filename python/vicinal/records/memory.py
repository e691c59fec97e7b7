"""Memory that was freed goes back to the system."""

from __future__ import annotations

import contextlib
import ctypes
import sys


def give_back() -> None:
    """Have the C library hand back what it keeps of freed memory: glibc keeps most of it."""
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # another C library, which keeps less
            ctypes.CDLL(None).malloc_trim(0)
