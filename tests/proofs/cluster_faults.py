"""Every fault at every moment: is the ledger exact, and does the stand-in's count lie within its bounds?

Something happens to one of three workers at some moment of their run. The suite takes five of the
fifty cells; this program, which ``benchmarks/cluster_matrix.py`` starts, runs all of them, each about a
quarter of a minute long, and ends with exit code 1 if any run has a problem.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.programs.cluster import Cluster
from tests.programs.load_test import two_scenarios
from tests.servers.standin_server import StandinServer

STAGES = [(40, "2s"), (40, "6s"), (0, "2s")]
PROFILE = two_scenarios(STAGES, start_rate=10, vus=30, more='pause = "20ms"\ngraceful_stop = "5s"')
WORKERS = 3
FAULTS = ("kill", "stop for 2 s", "stop for 10 s", "late join", "leave")
MOMENTS = (-1.0, 0.2, 1.0, 2.5, 4.0, 5.5, 7.0, 8.2, 9.0, 9.7)


@dataclass(frozen=True)
class Outcome:
    """What a run with a fault reports, and what the stand-in counted."""

    summary: dict[str, Any]
    identified: int
    tracked: int
    people: int

    def problems(self) -> list[str]:
        """Return a line for each figure that is not what it must be after any fault."""
        found = []
        for scenario, seen in (("identify_load", self.identified), ("track_load", self.tracked)):
            ledger = self.summary["ledger"][scenario]
            if ledger["scheduled"] != (
                ledger["started"] + ledger["dropped"] + ledger["lost"] + ledger["not_yet_due"]
            ):
                found.append(f"{scenario}: does not add up: {ledger}")
            if ledger["due"] != ledger["started"] + ledger["dropped"] + ledger["lost"]:
                found.append(f"{scenario}: due arrivals unaccounted for: {ledger}")
            if ledger["started"] != ledger["completed"] + ledger["interrupted"]:
                found.append(f"{scenario}: iterations unaccounted for: {ledger}")
            maybe = sum(loss["maybe_sent"] for loss in self.summary["lost"] if loss["scenario"] == scenario)
            if not ledger["started"] <= seen <= ledger["started"] + maybe:
                found.append(f"{scenario}: {seen} seen, {ledger['started']} started, {maybe} more maybe")
        if self.people != max(self.people, self.identified):
            found.append(f"{self.identified} identified, {self.people} people: some were sent twice")
        return found

    @property
    def lost(self) -> int:
        """Arrivals lost over both scenarios."""
        return sum(ledger["lost"] for ledger in self.summary["ledger"].values())

    @property
    def dropped(self) -> int:
        """Arrivals dropped over both scenarios."""
        return sum(ledger["dropped"] for ledger in self.summary["ledger"].values())


def run_with_fault(tmp_path: Path, fault: str, moment: float) -> Outcome:
    """Run the profile, and let a fault happen ``moment`` seconds after its first arrival.

    Before the start if it is negative: as soon as the plan is said.
    """
    with StandinServer() as standin:
        cluster = Cluster(tmp_path, standin, workers=WORKERS, profile=PROFILE)
        if moment < 0:
            cluster.master.wait_until(lambda: "Plan for" in (tmp_path / "master" / "stderr.txt").read_text())
        else:
            cluster.wait_for_requests(1)
            time.sleep(moment)  # the moment is what is tested; nothing waits for this
        _happen(fault, cluster)
        finished = cluster.finish()
        stats = standin.stats()
    requests = stats["requests"]
    return Outcome(
        finished.summary, requests.get("identify", 0), requests.get("track", 0), stats["people_created"]
    )


def _happen(fault: str, cluster: Cluster) -> None:
    victim = cluster.workers[1]
    if fault == "kill":
        victim.signal(signal.SIGKILL)
    elif fault.startswith("stop for "):
        victim.signal(signal.SIGSTOP)
        time.sleep(float(fault.split()[2]))
        victim.signal(signal.SIGCONT)
    elif fault == "late join":
        cluster.workers.append(cluster.add_worker("late"))
    elif fault == "leave":
        victim.signal(signal.SIGTERM)
    else:
        raise ValueError(fault)


def main() -> int:
    """Run the matrix and print a row per run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--moment", type=float)
    arguments = parser.parse_args()
    faults = [arguments.fault] if arguments.fault else FAULTS
    moments = [arguments.moment] if arguments.moment is not None else MOMENTS
    failed = total = 0
    print(f"{'fault':<14} {'moment':>7} {'seen':>6} {'dropped':>8} {'lost':>6}  problems", flush=True)
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
