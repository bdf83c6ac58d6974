"""A cluster of one master and three workers to which something happens at some moment of its run."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gevent

from tests.load_test import Finished, LoadTest, free_port, two_scenarios
from tests.standin_server import StandinServer

STAGES = [(40, "2s"), (40, "6s"), (0, "2s")]
PROFILE = two_scenarios(STAGES, start_rate=10, vus=30, more='pause = "20ms"\ngraceful_stop = "5s"')
SECONDS = 10.0
# Between two looks, so that waiting takes no processor from the runs, of which there may be several.
_LOOK_SECONDS = 0.02
WORKERS = 3
FAULTS = ("kill", "stop for 2 s", "stop for 10 s", "late join", "leave")
MOMENTS = (-1.0, 0.2, 1.0, 2.5, 4.0, 5.5, 7.0, 8.2, 9.0, 9.7)


class Cluster:
    """A master and its workers, each a process of its own, against one stand-in.

    Args:
        tmp_path: where everybody's files go.
        standin: the target.
        workers: how many to start with, and to wait for.
        profile: the text of a profile; only the master knows it.
        arguments: further ones for the master.
        headless: whether the master runs without the web UI.
        started: how many of the workers are started, if not all.
    """

    def __init__(
        self,
        tmp_path: Path,
        standin: StandinServer,
        *arguments: str,
        workers: int = WORKERS,
        profile: str = PROFILE,
        headless: bool = True,
        started: int | None = None,
    ) -> None:
        self._tmp_path = tmp_path
        self._standin = standin
        self.port = free_port()
        (tmp_path / "master").mkdir()
        self.master = LoadTest(
            tmp_path / "master",
            "--master", "--master-bind-port", str(self.port), "--expect-workers", str(workers), *arguments,
            profile=profile,
            headless=headless,
            env={"CUSTOMERIO_BASE_URL": standin.url, "LOAD_TEST_RESULTS_DIR": str(tmp_path / "results")},
        )  # fmt: skip
        self.master.results_dir = tmp_path / "results"
        self.workers = [
            self.add_worker(str(number)) for number in range(workers if started is None else started)
        ]

    def add_worker(self, name: str, root: Path | None = None, **env: str) -> LoadTest:
        """One more worker."""
        folder = self._tmp_path / f"worker-{name}"
        folder.mkdir()
        return LoadTest(
            folder,
            "--worker", "--master-port", str(self.port),
            headless=False,
            root=root,
            env={"LOAD_TEST_RESULTS_DIR": str(self._tmp_path / "results"), **env},
        )  # fmt: skip

    def wait_for_requests(self, count: int) -> None:
        """Wait until the stand-in has seen this many."""
        while self._standin.stats()["requests_total"] < count:
            assert self.master.process.poll() is None, "the master ended early"
            gevent.sleep(_LOOK_SECONDS)

    def finish(self) -> Finished:
        """Wait for the master's end, then for that of workers which have not been waited for."""
        finished = self.master.finish()
        for worker in self.workers:
            if worker in LoadTest.unfinished:
                worker.finish()
        return finished


@dataclass(frozen=True)
class Outcome:
    """What a run with a fault says of itself, and what the stand-in saw."""

    summary: dict[str, Any]
    identified: int
    tracked: int
    people: int

    def problems(self) -> list[str]:
        """Everything that is not as it must be, whatever happened."""
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
            maybe = sum(one["maybe_sent"] for one in self.summary["lost"] if one["scenario"] == scenario)
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
        cluster = Cluster(tmp_path, standin)
        if moment < 0:
            while "Plan for" not in (tmp_path / "master" / "stderr.txt").read_text():
                assert cluster.master.process.poll() is None
                gevent.sleep(_LOOK_SECONDS)
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
