"""Does a plan hold? Its workers under its peak and through an outage, beside what it predicts.

    python benchmarks/plan_held.py --events-per-day 8M [--outage 30s] [--limit 100/s]
    python benchmarks/plan_held.py --events-per-day 60M --outage 20s --rates-divided-by 2

The second form is for a plan that is too large for this machine: events, limit and the rate of each worker
are divided; workers, batches, outage and with them the drain time stay.
Ends with exit code 1 if rates differ by more than a tenth, the backlog takes longer, or the limit is passed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    # A process of its own, as the servers that it needs belong to the tests.
    command = [sys.executable, "-m", "tests.proofs.plan_held", *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
