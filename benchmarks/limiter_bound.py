"""Does the shared rate limiter hold its bounds, as the server sees it? Processes, one Redis, full backlog.

    python benchmarks/limiter_bound.py [--seconds 60] [--processes 4] [--fault none kill-process ...]

Each run starts a stand-in, a Redis and the processes of its own on loopback, and lets them send identify
requests as fast as the limiter lets them. The fault comes after a third of the time and lasts for a sixth of
it (10 s of 60). A row tells the most arrivals in any second as the server saw them, the most starts in any
second and the most requests at once as the processes saw them, the share of the limit that was used before
the fault and from 4 s after its end (2 s after a process died), by how much the ways to the server differed,
and round trips to Redis. Exit code 1 if a bound is broken. On a busy machine the ways differ by more than the
15 ms that the limiter allows for, and the server then sees more than was started: ``nice -n -15`` helps.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    # A process of its own: what is measured here is proved by the suite too, on a smaller scale.
    command = [sys.executable, "-m", "tests.proofs.limiter_bound", *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
