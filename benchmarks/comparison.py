"""How often does a comparison call equal runs different, and how often does it find a true shift?

    python benchmarks/comparison.py --results DIR [--groups 4] [--at-once 6] [--minutes 5] [--shift 10]
    python benchmarks/comparison.py --results DIR --only-compare

Each run has a stand-in of its own and sends 200 requests/s (100 identify, 100 track). The stand-in answers
after log-normal times (median 30 ms, sigma 0.4) whose median wanders by 5% and remembers 0.6 of itself each
second; it is ``--shift`` percent higher for B. ``--at-once`` runs go at the same time: what else the machine
does is then the same for all. Only runs of one such group are compared: A with A, B with B, and A with B.
The runs stay in ``--results``, and a second call adds to them.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import subprocess
import sys
import threading
from itertools import combinations, product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from report.compare.__main__ import compare_folders  # noqa: E402 - after the path
from report.compare.judgement import Limits, RowFinding  # noqa: E402
from standin.control_client import ControlClient  # noqa: E402
from standin.own_process import LocalStandin  # noqa: E402

MEDIAN_MS = 30.0
SIGMA = 0.4
WANDER = 0.05
MEMORY = 0.6

_SCENARIO = """
[scenarios.{user}_load]
executor = "ramping-arrival-rate"
user = "{user}"
start_rate = 100
pre_allocated_vus = 40
stages = [{{ target = 100, duration = "{seconds}s" }}]
"""
_DIFFERENT = (RowFinding.WORSE, RowFinding.BETTER, RowFinding.REGRESSION)


def wander(standin: LocalStandin, factor: float, ended: threading.Event) -> None:
    """Set the stand-in's latency once a second until the event is set."""
    control, generator, level = ControlClient(standin.url), random.Random(), 0.0  # noqa: S311
    while not ended.wait(1.0):
        level = MEMORY * level + generator.gauss(0, WANDER * math.sqrt(1 - MEMORY**2))
        control.set_faults(latency=f"lognormal:{MEDIAN_MS * factor * math.exp(level):.3f}ms,{SIGMA}")


def run_once(folder: Path, factor: float, seconds: int) -> None:
    """Run the load test once; its results go into ``folder``."""
    folder.mkdir(parents=True)
    profile = folder / "comparison.toml"
    users = ("identify", "track")
    profile.write_text(
        "".join(_SCENARIO.format(user=user, seconds=seconds) for user in users), encoding="utf-8"
    )
    ended = threading.Event()
    with LocalStandin("--latency", f"lognormal:{MEDIAN_MS * factor}ms,{SIGMA}") as standin:
        wandering = threading.Thread(target=wander, args=(standin, factor, ended))
        wandering.start()
        command = [sys.executable, "-m", "locust", "--headless", "--profile", str(profile)]
        environment = {**os.environ, "CUSTOMERIO_BASE_URL": standin.url, "LOAD_TEST_RESULTS_DIR": str(folder)}
        try:
            subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        finally:
            ended.set()
            wandering.join()


def run_all(results: Path, groups: int, at_once: int, seconds: int, shift: float) -> None:
    """Run so many groups more, half of each A and half B."""
    begun = len(list(results.glob("group-*")))
    for group in range(begun, begun + groups):
        folder = results / f"group-{group}"
        runs = [
            (folder / f"{label}-{number}", 1 + shift / 100 * (label == "b"))
            for number in range(at_once // 2)
            for label in "ab"
        ]
        threads = [threading.Thread(target=run_once, args=(*run, seconds)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def found_different(a: Path, b: Path) -> set[str]:
    """Return the figures in which two runs are called different, as ``metric statistic``."""
    comparison = compare_folders(_folder(a), _folder(b), Limits())
    return {f"{row.metric} {row.statistic}" for row in comparison.rows if row.finding in _DIFFERENT}


def _folder(results: Path) -> Path:
    (summary,) = results.glob("*/summary.json")
    return summary.parent


def report(results: Path) -> None:
    """Compare the runs of each group and print how many pairs were called different."""
    equal: list[tuple[Path, Path]] = []
    shifted: list[tuple[Path, Path]] = []
    for group in sorted(results.glob("group-*")):
        runs = {
            label: sorted(path.parents[1] for path in group.glob(f"{label}-*/*/summary.json"))
            for label in "ab"
        }
        equal += [*combinations(runs["a"], 2), *combinations(runs["b"], 2)]
        shifted += product(runs["a"], runs["b"])
    for label, pairs in (("equal", equal), ("shifted", shifted)):
        found = [found_different(*pair) for pair in pairs]
        print(f"{label} pairs: any figure of {_share(sum(map(bool, found)), len(found))}")
        for name in sorted(set().union(*found)):
            print(f"  {name}: {_share(sum(name in figures for figures in found), len(found))}")


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.1f}%)" if whole else "no pairs"


def main() -> None:
    """Run and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--groups", type=int, default=4)
    parser.add_argument("--at-once", type=int, default=6)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--shift", type=float, default=10)
    parser.add_argument("--only-compare", action="store_true")
    arguments = parser.parse_args()
    if not arguments.only_compare:
        seconds = round(60 * arguments.minutes)
        run_all(arguments.results, arguments.groups, arguments.at_once, seconds, arguments.shift)
    report(arguments.results)


if __name__ == "__main__":
    main()
