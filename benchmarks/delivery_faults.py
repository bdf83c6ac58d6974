"""Workers that are killed at random while Customer.io fails and hangs: what became of every message?

    python benchmarks/delivery_faults.py [--messages 20000] [--redis redis://127.0.0.1:6379]

Ends with exit code 1 if a message is lost or out of order, or if a duplicate bears another id.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.delivery_proof import Stream, run_through_faults


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--per-second", type=int, default=400)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--kill-every-seconds", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--redis", help="share the limit of the workers through this Redis")
    options = parser.parse_args()
    more = {"REDIS_URL": options.redis} if options.redis else {}
    with tempfile.TemporaryDirectory() as folder:
        proof = asyncio.run(
            run_through_faults(
                Stream(options.messages, options.per_second),
                Path(folder),
                workers=options.workers,
                kill_every_seconds=options.kill_every_seconds,
                seed=options.seed,
                **more,
            )
        )
    print(proof.summary())
    return 1 if proof.lost or proof.disorder or proof.differing_ids else 0


if __name__ == "__main__":
    sys.exit(main())
