"""How long deliveries stand still when workers come and go: 3, 8 and 3 of them, and a restart.

    python benchmarks/rebalances.py [--static] [--heartbeat-ms 3000] [--brokers-waits]
    python benchmarks/rebalances.py --brokers HOST:PORT --topic TOPIC

Without ``--brokers`` it starts the tests' broker, and a proxy that coordinates the group by Kafka's rules:
the broker itself lets each join wait for half the session timeout, as ``--brokers-waits`` shows. Nothing else
should run: a worker takes a second of CPU to start, and five are started at once.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    # A process of its own, as the servers that it needs belong to the tests.
    command = [sys.executable, "-m", "tests.proofs.rebalances", *sys.argv[1:]]
    sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
