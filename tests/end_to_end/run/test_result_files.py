"""Who may read the files of a run: their owner, unless the umask is stricter or the user says otherwise."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.programs.load_test import run_load_test, two_scenarios
from tests.servers.standin_server import StandinServer

PROFILE = two_scenarios([(10, "500ms")], start_rate=10, more='pause = "1ms"')
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
