"""Every fault at every moment: is the ledger exact, and does the stand-in's count lie within its bounds?

    python benchmarks/cluster_matrix.py [--fault kill] [--moment 4.0]

Fifty runs of three workers, each about a quarter of a minute long. Ends with exit code 1 if any run has
a problem.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    # A process of its own: what is measured here is proved by the suite too, on a smaller scale.
    command = [sys.executable, "-m", "tests.proofs.cluster_faults", *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
