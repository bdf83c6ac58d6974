"""A live workspace, played by a stand-in: nothing without a confirmation, few people, and an end at once."""

from __future__ import annotations

import os
import pty
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.people_record import PeopleRecord
from tests.programs.live_like import CREDENTIALS, ENVIRONMENT, live_settings
from tests.programs.load_test import LoadTest, processes, run_load_test, two_scenarios
from tests.servers.standin_server import StandinServer

BUDGET = 7
QUICK = two_scenarios([(20, "1s")], start_rate=20)
LONG = two_scenarios([(50, "60s")], start_rate=50, more="")
CONFIRMED = ("--allow-live", "--confirm-live", ENVIRONMENT, "--people-budget", str(BUDGET))


@pytest.fixture
def standin() -> Iterator[StandinServer]:
    with StandinServer() as standin:
        yield standin


def assert_few_people(standin: StandinServer, results: Path, budget: int) -> None:
    """Everybody is of the pool, has the marks, and is in the record of the run."""
    (folder,) = (path for path in results.iterdir() if path.is_dir())
    stats = standin.stats()
    assert stats["people"] == stats["people_created"] == budget
    person = standin.person(f"load-test-pool-{budget}")
    assert person is not None
    assert person["attributes"]["_load_test"] is True
    assert person["attributes"]["_load_test_run"] == folder.name
    assert person["email"] == f"load-test-pool-{budget}@example.com"
    record = PeopleRecord.from_json((folder / "people.json").read_bytes())
    assert (record.environment_id, record.base_url, record.count) == (ENVIRONMENT, standin.url, budget)


def test_without_a_confirmation_nothing_is_sent(tmp_path: Path, standin: StandinServer) -> None:
    finished = run_load_test(tmp_path, "--allow-live", profile=QUICK, env=live_settings(standin))
    assert finished.exit_code == 2
    *plan, line = finished.stderr.splitlines()
    assert f"--confirm-live: expected the id of the live environment, {ENVIRONMENT}, as there is no" in line
    assert plan[0] == f"LIVE WORKSPACE: environment {ENVIRONMENT}, region US, at {standin.url}"
    assert CREDENTIALS["CUSTOMERIO_API_KEY"] not in finished.stderr
    # What the user needs to decide was asked for, and nothing else.
    assert standin.stats()["requests"] == {"region": 1}
    assert not finished.results_dir.exists() or not list(finished.results_dir.iterdir())


def test_workers_share_one_budget_of_people(tmp_path: Path, standin: StandinServer) -> None:
    finished = run_load_test(tmp_path, *CONFIRMED, *processes(2), profile=QUICK, env=live_settings(standin))
    assert finished.exit_code == 0, finished.stderr
    # Each worker asks for its own account too.
    assert standin.stats()["requests"] == {"region": 3, "identify": 20, "track": 20}
    assert_few_people(standin, finished.results_dir, BUDGET)


def test_a_terminal_is_asked_for_the_environments_id(tmp_path: Path, standin: StandinServer) -> None:
    ours, terminal = pty.openpty()
    test = LoadTest(
        tmp_path, "--allow-live", "--quiet", "--people-budget", str(BUDGET),
        profile=QUICK, env=live_settings(standin), terminal=terminal,
    )  # fmt: skip
    os.close(terminal)
    said = b""
    while b"to start: " not in said:
        said += os.read(ours, 4096)
    assert standin.stats()["requests"] == {"region": 1}
    assert b"up to 7, load-test-pool-1 to load-test-pool-7: the same ones in every run" in said
    os.write(ours, f"{ENVIRONMENT}\n".encode())
    assert test.finish().exit_code == 0
    os.close(ours)
    assert standin.stats()["requests"] == {"region": 1, "identify": 20, "track": 20}
    assert_few_people(standin, test.results_dir, BUDGET)


def test_a_stop_file_ends_a_run(tmp_path: Path) -> None:
    """Also without a live workspace; nothing starts two seconds later."""
    with StandinServer() as standin:
        test = LoadTest(tmp_path, profile=LONG, env={"CUSTOMERIO_BASE_URL": standin.url})
        test.wait_until(lambda: standin.stats()["requests_total"] >= 10)
        (run_folder,) = test.results_dir.iterdir()
        run_folder.joinpath("STOP").touch()
        stopped_at = time.time()
        finished = test.finish()
        stats = standin.stats()
    assert finished.exit_code == 105
    assert finished.summary["run"]["ended_by"] == "stopped by a file STOP"
    assert stats["last_arrival"] < stopped_at + 2
    ledgers = finished.summary["ledger"].values()
    assert sum(ledger["started"] for ledger in ledgers) == stats["requests_total"]


def test_the_abort_switch_ends_a_live_run_that_goes_badly(tmp_path: Path, standin: StandinServer) -> None:
    test = LoadTest(tmp_path, *CONFIRMED, profile=LONG, env=live_settings(standin))
    test.wait_until(lambda: standin.stats()["requests_total"] >= 10)
    standin.set_faults(error_share=1.0)
    finished = test.finish()
    # There is no threshold that could fail.
    assert finished.exit_code == 99
    assert finished.summary["run"]["ended_by"].startswith("aborted by the abort switch: errors ")
    assert finished.summary["run"]["seconds"] < 60
