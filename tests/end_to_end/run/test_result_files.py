"""The files of a run: who may read them, by default their owner, and a copy of the summary elsewhere."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.programs.load_test import run_load_test, two_scenarios
from tests.servers.standin_server import StandinServer

PROFILE = two_scenarios([(10, "500ms")], start_rate=10, more='pause = "1ms"')
CONSTANT = """
[scenarios.identify_load]
executor = "constant-arrival-rate"
user = "identify"
rate = 20
duration = "1s"
pre_allocated_vus = 5
"""
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@pytest.mark.parametrize("given", [[], ["--share-results"]], ids=["owner only", "shared"])
def test_the_files_of_a_run_are_their_owners_unless_shared(tmp_path: Path, given: list[str]) -> None:
    with StandinServer() as standin:
        finished = run_load_test(
            tmp_path,
            *("--out", f"json={tmp_path}/all.json", "--csv", str(tmp_path / "locust"), *given),
            profile=PROFILE,
            env={"CUSTOMERIO_BASE_URL": standin.url},
        )
    assert finished.exit_code == 0, finished.stderr
    files = [*finished.results_dir.rglob("*"), tmp_path / "all.json", tmp_path / "locust_stats.csv"]
    names = {path.name for path in files}
    assert {"settings.json", "metrics.csv", "summary.json", "junit.xml", "report.html", "all.json"} <= names
    open_to_others = {path.name for path in files if path.stat().st_mode & OTHERS}
    assert open_to_others == (names if given else set())


def test_a_quiet_run_says_how_it_ended_and_exports_its_summary(tmp_path: Path) -> None:
    exported = tmp_path / "exported.json"
    with StandinServer() as standin:
        finished = run_load_test(
            tmp_path,
            "--quiet",
            "--summary-export",
            str(exported),
            profile=CONSTANT,
            module="engine",
            env={"CUSTOMERIO_BASE_URL": standin.url},
        )
        assert standin.stats()["requests_total"] == 20
    assert finished.exit_code == 0
    assert finished.stderr == ""
    assert exported.read_bytes() == (finished.folder / "summary.json").read_bytes()
    assert finished.stdout.endswith(f"{(finished.folder / 'report.html').as_uri()}\n")
