"""The options of a k6 script as a profile: run as users run it, with what was left out named."""

from __future__ import annotations

import json
from pathlib import Path

from tests.programs.load_test import run_load_test
from tests.servers.standin_server import StandinServer


def test_a_run_by_k6s_options_says_what_it_left_out(tmp_path: Path) -> None:
    path = tmp_path / "script-options.json"
    scenario = {
        "executor": "constant-arrival-rate", "exec": "identifyUser", "rate": 20, "duration": "1s",
        "preAllocatedVUs": 5, "tags": {"kind": "x"},
    }  # fmt: skip
    browse = {"executor": "ramping-vus", "exec": "browse", "stages": [{"duration": "1s", "target": 5}]}
    options = {
        "scenarios": {"people": scenario, "browse": browse},
        "thresholds": {"identify_duration": ["p95<5000"]},
    }
    path.write_text(json.dumps(options))
    with StandinServer() as standin:
        finished = run_load_test(
            tmp_path, "--profile", str(path), env={"CUSTOMERIO_BASE_URL": standin.url, "CIO_SITE_ID": "site",
                                                   "CIO_API_KEY": "key"},
        )  # fmt: skip
        assert standin.stats()["requests_total"] == 20
    assert finished.exit_code == 0, finished.stderr
    assert [line for line in finished.stderr.splitlines() if line.startswith("warning: ")] == [
        f"warning: {path}: scenarios.people.tags: not carried over, "
        "samples have the tag scenario, and no others of your own",
        f"warning: {path}: scenarios.browse: not carried over, "
        "executor ramping-vus sets VUs or iterations, not rates",
    ]
    assert finished.summary["ledger"]["people"]["completed"] == 20
