"""How large a graph dsomgnn can hold: a made one of 2.5 million entities, phase by phase, with time and peak memory.

    python benchmarks/scale.py                                        # the size of ogbl-wikikg2; writes SCALE.md
    python benchmarks/scale.py --entities 250000 --triples 1600000 --json -
    python benchmarks/scale.py --costs                                # seconds per step; writes COSTS.md and costs.svg

Every phase is a process of its own. What a user would type is run as a command.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read once, when torch is loaded

import sys

from scale.command import main

if __name__ == "__main__":
    sys.exit(main(__doc__))
