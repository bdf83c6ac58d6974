"""Deliveries through random faults: what became of every message?

    python benchmarks/delivery_faults.py [--schedules 1000] [--seed 1] [--parallel 2]
    python benchmarks/delivery_faults.py stream [--messages 20000] [--redis redis://127.0.0.1:6379]

The first runs seeded schedules, each of some seconds: odd answers of all kinds, resets and hangs, workers
that are killed or stopped, and for every fifth schedule the loss of Redis. Nine of ten deliver a file, the
tenth a topic of a broker, with a Redis, workers that join and leave, and the loss of the broker. (The broker
is cut off and frozen, not killed: it keeps its records in memory.) The second delivers one long stream
through workers that are killed while Customer.io fails and hangs.

Both end with exit code 1 if a message is lost, out of order or wrongly counted, or if a duplicate bears
another id. A failed schedule is printed with the command that runs it again.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    # A process of its own: what is measured here is proved by the suite too, on a smaller scale.
    arguments = sys.argv[1:]
    is_stream = arguments[:1] == ["stream"]
    proof = "delivery_faults" if is_stream else "random_faults"
    command = [sys.executable, "-m", f"tests.proofs.{proof}", *arguments[is_stream:]]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
