"""A run that watches a queue: what it writes, prints and finds, and a page that is not there."""

from __future__ import annotations

import json
from pathlib import Path

from tests.programs.load_test import run_load_test, two_scenarios
from tests.servers.metrics_page import MetricsPage, lag_page
from tests.servers.standin_server import StandinServer


def test_a_queue_that_grows_is_in_the_files_the_summary_and_the_reports_findings(tmp_path: Path) -> None:
    profile = two_scenarios([(20, "2s")], start_rate=20)
    profile += '[thresholds]\nqueue_backlog = ["max<100"]\n'
    with (
        StandinServer() as standin,
        MetricsPage(lambda reading: lag_page(10, 200 * reading)) as one,
        MetricsPage(lambda reading: lag_page(5, first_partition=2)) as two,
    ):
        env = {
            "CUSTOMERIO_BASE_URL": standin.url,
            "LOAD_TEST_QUEUE_METRICS": f"{one.url}, {two.url}",
        }
        finished = run_load_test(tmp_path, profile=profile, env=env)
        last = 15 + 200 * (one.readings - 1)
    assert finished.exit_code == 99, finished.stderr
    assert one.readings >= 3, "before the start, every two seconds, at the end"
    summary = finished.summary
    rows = [row for row in finished.rows if row["metric"] == "queue_backlog"]
    assert summary["queue"] == {
        "start": 15, "peak": last, "end": last, "readings": len(rows), "failed": 0,
    }  # fmt: skip
    gauge = summary["metrics"]["queue_backlog"]
    assert (gauge["min"], gauge["max"], gauge["value"]) == (15, last, last)
    assert gauge["thresholds"] == {"max<100": True}
    # On a slow machine two readings may fall into one second, which then has the newer one.
    values = [int(row["value"]) for row in rows]
    assert values == sorted(set(values))
    assert (rows[0]["second"], values[0], values[-1]) == ("0", 15, last)
    assert set(values) <= {15 + 200 * number for number in range(one.readings)}
    assert f"Queue backlog: 15 at the start, {last} at its peak, {last} at the end" in finished.stdout
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    assert f"from 15 to {last} messages" in page
    assert "Scale the workers." in page
    assert "Messages that the queue&#39;s workers had not delivered yet" in page
    settings = json.loads((finished.folder / "settings.json").read_text())
    assert settings["arguments"]["queue_metrics"] == [one.url, two.url]


def test_a_page_that_is_not_there_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    with StandinServer() as standin:
        finished = run_load_test(
            tmp_path, "--queue-metrics", "http://127.0.0.1:1/metrics",
            env={"CUSTOMERIO_BASE_URL": standin.url},
        )  # fmt: skip
        assert standin.stats()["requests_total"] == 0
    (line,) = finished.stderr.strip().splitlines()
    assert line == "error: --queue-metrics: http://127.0.0.1:1/metrics cannot be reached"
    assert finished.exit_code == 2
    assert not finished.results_dir.is_dir() or not list(finished.results_dir.iterdir())
