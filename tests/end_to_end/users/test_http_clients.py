"""A run says the same with every client, whether others listen to Locust's event or not."""

from __future__ import annotations

import csv
import html
import json
from pathlib import Path
from typing import Any

import pytest

from tests.programs.k6_json import assert_is_k6_json
from tests.programs.load_test import Finished, run_load_test, two_scenarios
from tests.servers.standin_server import StandinServer

_REQUESTS = 200
_LISTENER = """
from locust import events
requests = []

@events.request.add_listener
def on_request(**request):
    requests.append((request["name"], request["response"].status_code, request["exception"] is None))

@events.quitting.add_listener
def on_quitting(**_):
    with open({path!r}, "w") as file:
        file.writelines(f"{{name}} {{status}} {{ok}}\\n" for name, status, ok in requests)
"""


def by_kind(summary: dict[str, Any]) -> dict[str, int]:
    errors: dict[str, int] = summary["errors_by_kind"]
    return errors


def _check_what_the_run_left(finished: Finished, client: str) -> None:
    """Hold verdict, ledger, metrics.csv, k6's JSON and the report against each other and the profile."""
    summary = finished.summary
    assert summary["run"]["arguments"]["http_client"] == client
    assert f"with the {client} HTTP client" in finished.stdout
    for ledger in summary["ledger"].values():
        assert ledger["scheduled"] == ledger["started"] == ledger["completed"] == _REQUESTS / 2
    for metric, column in (("http_reqs", "value"), ("http_req_duration", "count"), ("start_lag", "count")):
        cells = [float(row[column]) for row in finished.rows if row["metric"] == metric]
        assert sum(cells) == _REQUESTS, metric
    lines = [json.loads(line) for line in (finished.folder / "results.json").read_text().splitlines()]
    assert_is_k6_json(lines, summary)
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    assert html.escape(summary["verdict"]["line"]) in page
    assert all(kind in page for kind in by_kind(summary))


@pytest.mark.parametrize("client", ["fast", "requests"])
@pytest.mark.parametrize("is_listened_to", [False, True], ids=["nobody listens", "a plugin listens"])
def test_ours_and_locusts_figures_agree_request_by_request(
    tmp_path: Path, client: str, is_listened_to: bool
) -> None:
    heard = tmp_path / "heard.txt"
    plugin = tmp_path / "plugin.py"
    plugin.write_text(_LISTENER.format(path=str(heard)))
    with StandinServer("--error-share", "0.2", "--reset-share", "0.1") as standin:
        finished = run_load_test(
            tmp_path,
            *("--out", "json", "--csv", str(tmp_path / "locust")),
            # At a rate that a busy machine has no reason to drop anything of.
            profile=two_scenarios([(40, "2500ms")], start_rate=40, more=""),
            env={"CUSTOMERIO_BASE_URL": standin.url, "LOAD_TEST_HTTP_CLIENT": client},
            locustfile=f"locustfile.py,{plugin}" if is_listened_to else "locustfile.py",
        )
    summary = finished.summary
    failed = sum(by_kind(summary).values())
    assert set(by_kind(summary)) == {"5xx server error", "connection error"}
    assert 0 < failed < _REQUESTS
    assert summary["metrics"]["http_reqs"]["count"] == _REQUESTS
    assert summary["metrics"]["iterations"]["count"] == _REQUESTS
    assert summary["metrics"]["errors"]["passes"] == failed
    _check_what_the_run_left(finished, client)
    with (tmp_path / "locust_stats.csv").open(newline="") as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    assert int(rows["Aggregated"]["Request Count"]) == _REQUESTS
    assert int(rows["Aggregated"]["Failure Count"]) == failed
    for name in ("identify", "track"):
        trend = summary["metrics"][f"{name}_duration"]
        assert int(rows[name]["Request Count"]) == trend["count"] == _REQUESTS / 2
        assert float(rows[name]["Average Response Time"]) == pytest.approx(trend["avg"])
        assert float(rows[name]["Min Response Time"]) == pytest.approx(trend["min"])
        assert float(rows[name]["Max Response Time"]) == pytest.approx(trend["max"])
    with (tmp_path / "locust_failures.csv").open(newline="") as file:
        failures = list(csv.DictReader(file))
    assert sum(int(row["Occurrences"]) for row in failures) == failed
    if is_listened_to:
        lines = heard.read_text().splitlines()
        assert len(lines) == _REQUESTS
        assert sum(line.endswith("False") for line in lines) == failed
