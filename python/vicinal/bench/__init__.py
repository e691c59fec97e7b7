"""Vicinal beside its peers: the same data and questions, each library in a process of its own.

``vicinal bench`` is the way in; `run_benchmark` is the same from Python. The method: every
contender is built in a fresh process; efforts that bracket the recalls of interest are found;
then all points of all curves are timed in turn, round after round, so that what else the machine
does hits all alike. Recall is counted against exact answers in double precision. Peers live in a
virtual environment of their own and never enter Vicinal's.
"""

from vicinal.bench.data import Workload, generate, load, prepare
from vicinal.bench.report import markdown
from vicinal.bench.results import Results, Settings
from vicinal.bench.session import run_benchmark

__all__ = [
    "Results",
    "Settings",
    "Workload",
    "generate",
    "load",
    "markdown",
    "prepare",
    "run_benchmark",
]
