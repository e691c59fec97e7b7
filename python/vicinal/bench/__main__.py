"""``python -m vicinal.bench`` is ``vicinal bench``."""

from vicinal.bench.command import main

main()
