"""A run without credentials: a stand-in of its own, said so, and gone with it."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest

from tests.programs.load_test import LoadTest, run_load_test, two_scenarios

SHORT = two_scenarios([(20, "1s")], start_rate=20)


def test_it_loads_a_local_stand_in_and_says_so(tmp_path: Path) -> None:
    finished = run_load_test(tmp_path, profile=SHORT)
    assert finished.exit_code == 0
    assert "No credentials: the load goes to a local stand-in at http://127.0.0.1:" in finished.stderr
    assert finished.summary["run"]["is_standin"] is True
    assert [ledger["started"] for ledger in finished.summary["ledger"].values()] == [20, 20]
    assert finished.summary["metrics"]["errors"]["value"] == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_stand_in_never_outlives_the_run(tmp_path: Path, number: signal.Signals) -> None:
    test = LoadTest(tmp_path, profile=two_scenarios([(10, "300s")], start_rate=10))
    test.wait_until(lambda: "Plan for" in (tmp_path / "stderr.txt").read_text())
    (standin,) = psutil.Process(test.process.pid).children()
    assert "standin" in standin.cmdline()
    test.signal(number)
    test.finish()
    standin.wait(30)


def test_a_mistake_that_is_found_while_the_stand_in_starts_leaves_none(tmp_path: Path) -> None:
    """The profile is read after the stand-in was started. A variable tells which processes are of the run."""
    finished = run_load_test(tmp_path, profile="[scenarios.a]\n", env={"RUN_OF_TEST": str(tmp_path)})
    assert finished.exit_code == 2
    environments = [process.info["environ"] or {} for process in psutil.process_iter(["environ"])]
    assert str(tmp_path) not in [environment.get("RUN_OF_TEST") for environment in environments]


def test_a_stand_in_that_dies_breaks_the_run_off(tmp_path: Path) -> None:
    test = LoadTest(tmp_path, profile=two_scenarios([(10, "300s")], start_rate=10))
    test.wait_until(lambda: "Plan for" in (tmp_path / "stderr.txt").read_text())
    (standin,) = psutil.Process(test.process.pid).children()
    standin.kill()
    finished = test.finish()
    assert finished.exit_code == 1
    assert finished.summary["run"]["ended_by"] == "broken off: the stand-in has died"
    assert "the stand-in has died" in finished.summary["verdict"]["line"]


def test_a_disk_that_takes_no_more_is_told_and_the_run_counts_as_broken(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the write fails in the middle of the run."""
    test = LoadTest(tmp_path, profile=two_scenarios([(10, "6s")], start_rate=10))
    test.wait_until(lambda: list(tmp_path.glob("results/*/metrics.csv")))
    psutil.Process(test.process.pid).rlimit(psutil.RLIMIT_FSIZE, (9_500, 9_500))
    finished = test.finish()
    assert finished.exit_code == 1
    assert "metrics.csv ends at second" in finished.stderr
    assert "could not be written: File too large" in finished.summary["verdict"]["line"]
    assert [ledger["started"] for ledger in finished.summary["ledger"].values()] == [60, 60]
