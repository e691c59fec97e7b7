"""What all Python tests share."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
from hypothesis import settings

# No deadline: the machine may be busy. The same examples each time: what fails, fails again.
settings.register_profile("vicinal", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "vicinal"))

# A shell's background job, as CI may be, starts with Ctrl-C ignored, and so would the processes
# that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20_260)
