"""Workers that are killed at random while Customer.io fails and hangs: what became of every message?

    python benchmarks/delivery_faults.py [--messages 20000] [--redis redis://127.0.0.1:6379]

Ends with exit code 1 if a message is lost or out of order, or if a duplicate bears another id.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    # A process of its own: what is measured here is proved by the suite too, on a smaller scale.
    command = [sys.executable, "-m", "tests.proofs.delivery_faults", *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
