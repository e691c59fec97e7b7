"""What all Python tests share."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import settings

# No deadline: the machine may be busy. The same examples each time: what fails, fails again.
settings.register_profile("vicinal", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "vicinal"))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20_260)
