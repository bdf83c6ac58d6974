"""Every fault at every moment: is the ledger exact, and does the stand-in's count lie within its bounds?

    python benchmarks/cluster_matrix.py [--fault kill] [--moment 4.0]

Fifty runs of three workers, each about a quarter of a minute long. Ends with exit code 1 if any run has
a problem.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.cluster_faults import FAULTS, MOMENTS, run_with_fault


def main() -> int:
    """Run the matrix and print a row per run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--moment", type=float)
    arguments = parser.parse_args()
    faults = [arguments.fault] if arguments.fault else FAULTS
    moments = [arguments.moment] if arguments.moment is not None else MOMENTS
    failed = total = 0
    print(f"{'fault':<14} {'moment':>7} {'seen':>6} {'dropped':>8} {'lost':>6}  problems")
    for fault in faults:
        for moment in moments:
            with tempfile.TemporaryDirectory() as folder:
                outcome = run_with_fault(Path(folder), fault, moment)
            problems = outcome.problems()
            total += 1
            failed += bool(problems)
            seen = outcome.identified + outcome.tracked
            row = f"{fault:<14} {moment:>7} {seen:>6} {outcome.dropped:>8} {outcome.lost:>6}"
            print(f"{row}  {'; '.join(problems) or 'none'}", flush=True)
    print(f"{total - failed} of {total} exact")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
