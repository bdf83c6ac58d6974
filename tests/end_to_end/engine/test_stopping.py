"""Runs that end before their time: by Ctrl-C once and twice, SIGTERM, kill -9, or what they ran on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from report.publish import missing_files
from tests.programs.load_test import ROOT, Finished, LoadTest, read_rows, run_load_test, two_scenarios
from tests.proofs.stops import stops
from tests.servers.standin_server import StandinServer

# An output that sends its own process signals when it is stopped, and when the process shuts down.
SIGNALLING = """
import os
import gevent
from gevent.event import Event
from locust import events

def send(count):
    for _ in range(count):
        send_one()

def send_one():
    received = Event()
    gevent.signal_handler({number}, received.set)
    os.kill(os.getpid(), {number})
    received.wait()
    # What follows from it happens in the next passes of the event loop.
    for _ in range(100):
        gevent.sleep(0)

class Signalling:
    name, takes_whole_seconds = "signalling", True

    def samples(self, timestamp, second, cells):
        pass

    def stop(self):
        send({count})

def make(folder, worker):
    events.quitting.add_listener(lambda **_: send({count_after}))
    return Signalling()
"""

LONG = two_scenarios([(50, "300s")], start_rate=50)


@pytest.fixture
def standin() -> Iterator[StandinServer]:
    with StandinServer() as standin:
        yield standin


def started_run(tmp_path: Path, standin: StandinServer, requests: int = 100, profile: str = LONG) -> LoadTest:
    """A run that has sent some requests and would go on for minutes."""
    test = LoadTest(tmp_path, profile=profile, env={"CUSTOMERIO_BASE_URL": standin.url})
    test.wait_until(lambda: standin.stats()["requests_total"] >= requests)
    return test


def assert_exact(finished: Finished, standin: StandinServer) -> None:
    """The ledger adds up to what came due, and what was started arrived."""
    ledgers = finished.summary["ledger"]
    for ledger in ledgers.values():
        assert ledger["due"] == ledger["started"] + ledger["dropped"]
        assert ledger["scheduled"] == ledger["due"] + ledger["not_yet_due"]
        assert ledger["started"] == ledger["completed"] + ledger["interrupted"]
    assert sum(ledger["started"] for ledger in ledgers.values()) == standin.stats()["requests_total"]


@pytest.mark.parametrize(
    ("number", "reason"), [(signal.SIGINT, "interrupted by Ctrl-C"), (signal.SIGTERM, "stopped by SIGTERM")]
)
def test_one_signal_ends_the_run_gracefully_with_a_full_summary(
    tmp_path: Path, standin: StandinServer, number: signal.Signals, reason: str
) -> None:
    test = started_run(tmp_path, standin)
    standin.set_faults(latency="500ms")
    test.signal(number)
    finished = test.finish()
    assert finished.exit_code == 105
    assert_exact(finished, standin)
    assert finished.summary["run"]["ended_by"] == reason
    assert all(ledger["interrupted"] == 0 for ledger in finished.summary["ledger"].values())
    assert "Traceback" not in finished.stderr + finished.stdout
    assert finished.rows


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGINT),
    ],
)
def test_a_second_signal_cuts_off_what_is_in_flight(
    tmp_path: Path, standin: StandinServer, first: signal.Signals, second: signal.Signals
) -> None:
    test = started_run(tmp_path, standin)
    standin.set_faults(hang_share=1)
    before = standin.stats()["requests_total"]
    test.wait_until(lambda: standin.stats()["requests_total"] >= before + 20)
    test.signal(first)
    test.wait_until(lambda: "cuts them off" in (tmp_path / "stderr.txt").read_text())
    test.signal(second)
    finished = test.finish()
    assert_exact(finished, standin)
    assert sum(ledger["interrupted"] for ledger in finished.summary["ledger"].values()) >= 15
    assert finished.summary["run"]["seconds"] < 25, "it did not wait for the graceful stop"
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    ("number", "count", "count_after", "last_line"),
    [
        (signal.SIGTERM, 1, 0, ["The run has ended, and its report is being written"]),
        (signal.SIGINT, 0, 1, []),
    ],
    ids=["while the report is made", "after it"],
)
def test_a_signal_to_a_run_that_ends_by_itself_changes_nothing(
    tmp_path: Path,
    standin: StandinServer,
    number: signal.Signals,
    count: int,
    count_after: int,
    last_line: list[str],
) -> None:
    finished = signalled_at_its_end(tmp_path, standin, number, count, count_after)
    assert finished.exit_code == 0
    assert finished.summary["run"]["ended_by"] == "finished"
    assert_exact(finished, standin)
    assert not missing_files(finished.folder)
    assert finished.stderr.splitlines()[1:] == last_line, "beside the plan"


def test_a_third_signal_leaves_at_once_and_says_what_is_missing(
    tmp_path: Path, standin: StandinServer
) -> None:
    finished = signalled_at_its_end(tmp_path, standin, signal.SIGINT, 3, 0)
    assert finished.exit_code == 105
    missing = missing_files(finished.folder)
    assert missing == ["summary.json", "k6-summary.json", "junit.xml", "summary.md", "report.html"]
    assert finished.stderr.splitlines()[-1] == (
        f"Left at once, without {', '.join(missing)}; "
        f"scripts/report.sh {finished.folder} shows what was measured"
    )
    written = sum(int(row["count"]) for row in finished.rows if row["metric"] == "http_reqs")
    assert written == standin.stats()["requests_total"] == 40
    shown = subprocess.run([sys.executable, "-m", "report", finished.folder], cwd=ROOT, check=False)
    assert shown.returncode == 0
    assert "report.html" not in missing_files(finished.folder)


def signalled_at_its_end(
    tmp_path: Path, standin: StandinServer, number: signal.Signals, count: int, count_after: int
) -> Finished:
    """A run that gets signals when everything is sent and its report is due, and when that is written."""
    module = SIGNALLING.format(number=number, count=count, count_after=count_after)
    (tmp_path / "signalling.py").write_text(module)
    return run_load_test(
        tmp_path,
        "--out",
        "python=signalling:make",
        profile=two_scenarios([(20, "1s")], start_rate=20),
        env={"CUSTOMERIO_BASE_URL": standin.url, "PYTHONPATH": str(tmp_path)},
    )


def test_a_stop_from_the_page_drops_nothing_that_had_an_idle_vu() -> None:
    """``benchmarks/stops.py`` stops as often as one likes, with workers and by Ctrl-C too."""
    assert [stop.problems() for stop in stops("page", count=3, seed=1)] == [[]] * 3


def test_the_graceful_stop_has_an_end(tmp_path: Path, standin: StandinServer) -> None:
    """Iterations that hang after the last stage are cut off after graceful_stop, and counted so."""
    standin.set_faults(hang_share=1)
    profile = two_scenarios([(20, "1s")], start_rate=20, more='graceful_stop = "1s"')
    finished = LoadTest(tmp_path, profile=profile, env={"CUSTOMERIO_BASE_URL": standin.url}).finish()
    assert_exact(finished, standin)
    assert [ledger["interrupted"] for ledger in finished.summary["ledger"].values()] == [20, 20]
    assert 2 <= finished.summary["run"]["seconds"] < 7
    assert finished.summary["run"]["ended_by"] == "finished"


@pytest.mark.alone
def test_a_killed_run_leaves_its_data_up_to_the_last_second(tmp_path: Path, standin: StandinServer) -> None:
    test = started_run(tmp_path, standin, requests=300)
    arrived = standin.stats()["requests_total"]
    test.signal(signal.SIGKILL)
    finished = test.finish()
    assert finished.exit_code == -signal.SIGKILL
    rows = read_rows(finished.folder)
    written = sum(int(row["count"]) for row in rows if row["metric"] == "http_reqs")
    # At 100/s over both: all but the second that was not closed yet, and a little for a busy machine.
    assert arrived - 200 <= written <= standin.stats()["requests_total"]


@pytest.mark.alone
def test_a_process_that_was_stopped_drops_what_passed_and_sends_no_burst(tmp_path: Path) -> None:
    profile = two_scenarios([(50, "5s")], start_rate=50)
    with StandinServer("--record-arrivals") as standin:
        test = started_run(tmp_path, standin, requests=100, profile=profile)
        test.signal(signal.SIGSTOP)
        count = -1
        while standin.stats()["requests_total"] != count:  # until what was on its way has arrived
            count = standin.stats()["requests_total"]
        # A process that is stopped does not end, so this waits its two seconds.
        with pytest.raises(subprocess.TimeoutExpired):
            test.process.wait(2)
        test.signal(signal.SIGCONT)
        finished = test.finish()
        arrivals = sorted(standin.arrivals("identify"))
        assert_exact(finished, standin)
    for ledger in finished.summary["ledger"].values():
        assert ledger["dropped"] >= 80
    burst = max(sum(1 for arrival in arrivals if start <= arrival < start + 0.1) for start in arrivals)
    assert burst <= 20
    assert not finished.summary["verdict"]["kept_schedule"]


def test_a_terminal_that_cannot_take_the_summary_leaves_the_file_and_the_exit_code(
    tmp_path: Path, standin: StandinServer
) -> None:
    """Latin-1 has no check mark."""
    env = {"CUSTOMERIO_BASE_URL": standin.url, "PYTHONIOENCODING": "latin-1"}
    profile = two_scenarios([(10, "500ms")], start_rate=10) + '[thresholds]\nerrors = ["rate<1"]\n'
    finished = LoadTest(tmp_path, profile=profile, env=env).finish()
    assert finished.exit_code == 0
    assert finished.summary["run"]["thresholds_passed"] is True
    assert "the summary could not be printed" in finished.stderr
