"""Lives a story until it is killed; says what is done as soon as it is acknowledged."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from story import done, held, steps, told

import vicinal
from vicinal.collection.graphs import builder, grower

grower.SMALL, grower.STEP, builder.PAUSE = 1, 16, 0.0

db = vicinal.open(sys.argv[1])
model = held(db)
for number, step in enumerate(steps(int(sys.argv[2]))):
    done(db, model, step)
    if number % 5 == 3:  # copies, and copies of them
        copy = db.snapshot(f"{sys.argv[1]}-copy-{number}")
        vicinal.restore(copy, f"{copy}-again")
    model = told(model, step)
    os.write(1, b".")
