"""Runs stopped at random moments: is no arrival dropped that had an idle VU, no ledger open, no file missing?

The suite takes a few stops; ``benchmarks/stops.py`` starts this program for as many as wanted.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from config.command_line import ABORTED
from report.publish import missing_files
from report.run_report import INTERRUPTED, TERMINATED
from tests.programs.load_test import LoadTest, processes, two_scenarios
from tests.servers.free_port import free_port
from tests.servers.standin_server import StandinServer

WAYS = ("page", "page with workers", "Ctrl-C", "Ctrl-C with workers", "end", "end with workers")
# The VUs last for two and a half seconds without answers: where a busy machine starves the stand-in, nothing
# is to be dropped for a good reason.
PROFILE = two_scenarios([(40, "300s")], start_rate=40, vus=100, more='pause = "20ms"')
# Over after a second; from its last request to the end of its process it takes two to four.
SHORT_PROFILE = two_scenarios([(40, "1s")], start_rate=40, vus=100, more='pause = "20ms"')
_SHORT_REQUESTS = 80
_MOST_END_SECONDS = 4.0
_MOST_REQUESTS = 120
_ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Stop:
    """A stopped run: what its summary says, and how many requests the stand-in counted.

    ``missing`` has the files that it lacks, ``ends`` what may have ended it.
    """

    summary: dict[str, Any]
    seen: int
    missing: Sequence[str] = ()
    ends: Sequence[str] = ("stopped", INTERRUPTED)

    def problems(self) -> list[str]:
        """Return a line for each figure that a stop must not leave so."""
        found = [f"{name} is missing" for name in self.missing]
        for scenario, ledger in self.summary["ledger"].items():
            without_vu = ledger["dropped"] - ledger["dropped_late"]
            if without_vu or ledger["lost"]:
                found.append(f"{scenario}: {without_vu} dropped for want of a VU, {ledger['lost']} lost")
            if ledger["due"] != ledger["started"] + ledger["dropped"] + ledger["lost"]:
                found.append(f"{scenario}: due arrivals unaccounted for: {ledger}")
            if ledger["started"] != ledger["completed"] + ledger["interrupted"]:
                found.append(f"{scenario}: iterations unaccounted for: {ledger}")
        if self.started != self.seen:
            found.append(f"{self.started} started, {self.seen} seen")
        if self.summary["run"]["ended_by"] not in self.ends:
            found.append(f"ended by {self.summary['run']['ended_by']}")
        return found

    @property
    def started(self) -> int:
        """Iterations started over both scenarios."""
        return sum(ledger["started"] for ledger in self.summary["ledger"].values())

    @property
    def dropped_late(self) -> int:
        """Arrivals dropped because the machine did not let the generator run."""
        return sum(ledger["dropped_late"] for ledger in self.summary["ledger"].values())


def stops_from_page(folder: Path, count: int, seed: int, arguments: tuple[str, ...] = ()) -> Iterator[Stop]:
    """Start and stop so many runs one after another in one process, as its page does."""
    moments = random.Random(seed)
    port = free_port()
    with StandinServer() as standin:
        test = LoadTest(
            folder, "--web-host", "127.0.0.1", "--web-port", str(port), *arguments,
            profile=PROFILE, headless=False, env={"CUSTOMERIO_BASE_URL": standin.url},
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        test.wait_until(lambda: _can_start(url))
        for number in range(count):
            before = standin.stats()["requests_total"]
            if number:
                answer = requests.post(f"{url}/swarm", data={}, timeout=_ANSWER_SECONDS).json()
                assert answer["success"], answer
            wanted = before + moments.randint(1, _MOST_REQUESTS)
            wait_for_requests(test, standin, wanted, functools.partial(_has_ended, folder, number))
            requests.post(f"{url}/stop", timeout=_ANSWER_SECONDS).raise_for_status()
            summary = wait_for_summary(test, folder, number)
            yield Stop(summary, standin.stats()["requests_total"] - before)
        test.signal(signal.SIGINT)
        test.finish()


def _can_start(url: str) -> bool:
    """Start the first run: with workers, a start is refused until they are there."""
    try:
        return bool(requests.post(f"{url}/swarm", data={}, timeout=_ANSWER_SECONDS).json()["success"])
    except requests.ConnectionError:
        return False


def wait_for_requests(
    test: LoadTest, standin: StandinServer, wanted: int, has_ended: Callable[[], bool] = lambda: False
) -> None:
    """Wait until the stand-in has counted so many requests, or the run has ended by itself."""
    test.wait_until(lambda: standin.stats()["requests_total"] >= wanted or has_ended())


def _has_ended(folder: Path, number: int) -> bool:
    """Return whether a run, numbered from 0, has its summary."""
    return len(list((folder / "results").glob("*/summary.md"))) > number


def wait_for_summary(test: LoadTest, folder: Path, number: int) -> dict[str, Any]:
    """Wait for the summary of a run, numbered from 0, and return it."""
    found: list[Path] = []

    def has_come() -> bool:
        # The last file of a summary: summary.json is whole by then.
        found[:] = sorted((folder / "results").glob("*/summary.md"), key=lambda path: path.stat().st_mtime_ns)
        return len(found) > number

    test.wait_until(has_come)
    summary: dict[str, Any] = json.loads(found[number].with_suffix(".json").read_text(encoding="utf-8"))
    return summary


def stop_by_signal(folder: Path, moments: random.Random, arguments: tuple[str, ...] = ()) -> Stop:
    """Start a run of its own and end it as Ctrl-C in its terminal does: every process gets the signal."""
    with StandinServer() as standin:
        test = _signalled(folder, standin, PROFILE, arguments)
        wait_for_requests(test, standin, moments.randint(1, _MOST_REQUESTS))
        os.killpg(test.process.pid, signal.SIGINT)
        return _stopped(test, standin, INTERRUPTED)


def stop_at_its_end(folder: Path, moments: random.Random, arguments: tuple[str, ...] = ()) -> Stop:
    """Start a short run of its own; while it ends by itself, every process gets one or two signals."""
    with StandinServer() as standin:
        test = _signalled(folder, standin, SHORT_PROFILE, arguments)
        wait_for_requests(test, standin, _SHORT_REQUESTS)
        for _ in range(moments.randint(1, 2)):
            with contextlib.suppress(subprocess.TimeoutExpired):
                test.process.wait(moments.uniform(0, _MOST_END_SECONDS))
            if test.process.poll() is None:
                os.killpg(test.process.pid, moments.choice((signal.SIGINT, signal.SIGTERM)))
        return _stopped(test, standin, "finished", INTERRUPTED, TERMINATED)


def _signalled(folder: Path, standin: StandinServer, profile: str, arguments: tuple[str, ...]) -> LoadTest:
    env = {"CUSTOMERIO_BASE_URL": standin.url}
    return LoadTest(folder, *arguments, profile=profile, env=env, has_own_group=True)


def _stopped(test: LoadTest, standin: StandinServer, *ends: str) -> Stop:
    finished = test.finish()
    missing = missing_files(finished.folder)
    assert "summary.json" not in missing, finished.stderr
    assert finished.exit_code == (0 if finished.summary["run"]["ended_by"] == "finished" else ABORTED)
    assert "Traceback" not in finished.stderr, finished.stderr
    return Stop(finished.summary, standin.stats()["requests_total"], missing, ends)


def stops(way: str, count: int, seed: int) -> Iterator[Stop]:
    """Yield so many stops of a kind, one of ``WAYS``."""
    with_workers = way.endswith("with workers")
    if way.startswith("page"):
        with tempfile.TemporaryDirectory() as folder:
            yield from stops_from_page(Path(folder), count, seed, tuple(processes(2)) if with_workers else ())
        return
    moments = random.Random(seed)
    stop = stop_at_its_end if way.startswith("end") else stop_by_signal
    for _ in range(count):
        with tempfile.TemporaryDirectory() as folder:
            yield stop(Path(folder), moments, tuple(processes(2)) if with_workers else ())


def main() -> int:
    """Stop so many runs, print a line for each that has a problem, and a last line with the sums."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--way", choices=WAYS, default=WAYS[0])
    parser.add_argument("--stops", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    failed = started = late = 0
    for number, stop in enumerate(stops(arguments.way, arguments.stops, arguments.seed), 1):
        problems = stop.problems()
        failed += bool(problems)
        started += stop.started
        late += stop.dropped_late
        if problems:
            print(f"stop {number}: {'; '.join(problems)}", flush=True)
    print(
        f"{arguments.way}: {arguments.stops - failed} of {arguments.stops} stops exact, {started} iterations "
        f"started, {late} arrivals dropped because the machine stood still"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
