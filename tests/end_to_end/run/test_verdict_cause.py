"""Arrivals dropped because a process stood still are not blamed on missing VUs."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.programs.cluster import Cluster
from tests.programs.load_test import LoadTest, two_scenarios
from tests.servers.standin_server import StandinServer

# More VUs than a second of arrivals: none is ever missing.
PROFILE = two_scenarios([(40, "7s")], start_rate=40, vus=60, more='graceful_stop = "5s"')


def stop_for(test: LoadTest, seconds: float) -> None:
    test.signal(signal.SIGSTOP)
    time.sleep(seconds)  # the length of the standstill is what is tested; nothing waits for this
    test.signal(signal.SIGCONT)


def test_a_process_that_was_stopped_names_the_standstill(tmp_path: Path) -> None:
    with StandinServer() as standin:
        test = LoadTest(tmp_path, profile=PROFILE, env={"CUSTOMERIO_BASE_URL": standin.url})
        test.wait_until(lambda: standin.stats()["requests_total"] >= 40)
        stop_for(test, 3.0)
        finished = test.finish()
    line = finished.summary["verdict"]["line"]
    for ledger in finished.summary["ledger"].values():
        assert ledger["dropped"] == ledger["dropped_late"] > 40
    assert "because the generator stood still" in line
    assert "idle VU" not in line
    assert "max_vus" not in line


def test_a_master_that_was_stopped_is_the_cause_of_what_its_workers_dropped(tmp_path: Path) -> None:
    """Its workers have VUs enough, and no grant while it stands still."""
    with StandinServer() as standin:
        cluster = Cluster(tmp_path, standin, workers=2, profile=PROFILE)
        cluster.wait_for_requests(40)
        stop_for(cluster.master, 4.0)
        finished = cluster.finish()
    line = finished.summary["verdict"]["line"]
    ledgers = finished.summary["ledger"].values()
    assert sum(ledger["dropped"] for ledger in ledgers) > 80
    assert all(ledger["dropped"] == ledger["dropped_late"] for ledger in ledgers)
    assert "because the generator stood still" in line
    assert "idle VU" not in line
