"""Runs stopped at random moments, 200 in a row: no arrival dropped that had an idle VU, and no file missing?

    python benchmarks/stops.py [--way "page with workers"] [--stops 200] [--seed 1]

The ways are ``page`` (one process, many runs), ``Ctrl-C`` (a process per run), ``end`` (signals while a run
ends by itself: are its files there, and is the exit code its own?), and each with two workers. A stop takes
two to four seconds. Ends with exit code 1 if any run has a problem.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    # A process of its own: what is measured here is proved by the suite too, on a smaller scale.
    command = [sys.executable, "-m", "tests.proofs.stops", *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
