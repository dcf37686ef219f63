"""Whether distillation helps, by how much, and when: fits, ranks and compares what a table needs, and renders it.

    python benchmarks/evidence.py --dataset mkg-w --seeds 3              # baseline, all teachers, agent
    python benchmarks/evidence.py --dataset mkg-w --seeds 3 --controls   # the table of controls
    python benchmarks/evidence.py --render --json figures.json           # from the recorded runs alone

Every run is one line of results/<dataset>.jsonl, every paired test another; what is there already is skipped, and a
stopped run goes on. Models are selected on validation data; the test split is ranked once, when a run is finished.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # inherited by every run

import sys

from evidence.command import main

if __name__ == "__main__":
    sys.exit(main(__doc__))
