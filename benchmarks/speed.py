"""How fast dsomgnn is: against the bare matrix products of its own steps, plain PyTorch, PyKEEN, TorchKGE and PyG.

    python benchmarks/speed.py                      # WN18, 10 minutes; writes SPEED.md, speed.svg, results/speed.jsonl
    python benchmarks/speed.py --full --json -      # more data sets and rounds; the figures in one line

Every contender has a turn in each round, in the opposite order every other round, so that what else runs on the
machine meets all alike; ratios are taken within a round. Peers that are not installed are left out.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read once, when torch is loaded

import sys

from speed.command import main

if __name__ == "__main__":
    sys.exit(main(__doc__))
