"""OpenTelemetry and Prometheus: with workers too, what they were told last is the ledger."""

from __future__ import annotations

import time
from pathlib import Path

import requests

from tests.programs.load_test import LoadTest, processes, two_scenarios
from tests.programs.prometheus_page import PrometheusPage
from tests.servers.free_port import free_port
from tests.servers.otlp_receiver import OtlpReceiver
from tests.servers.standin_server import StandinServer

STATES = ("scheduled", "started", "dropped", "completed", "interrupted", "lost", "not_yet_due")
READ_EVERY_SECONDS = 0.5


def test_the_sums_of_two_workers_equal_the_ledger(tmp_path: Path) -> None:
    port = free_port()
    with StandinServer() as standin, OtlpReceiver() as receiver:
        test = LoadTest(
            tmp_path, *processes(2), "--out", "otel", "--out", f"prometheus={port}",
            profile=two_scenarios([(30, "3s")], start_rate=30),
            env={
                "CUSTOMERIO_BASE_URL": standin.url,
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
                "OTEL_METRIC_EXPORT_INTERVAL": "500",
            },
        )  # fmt: skip
        last = scraped_to_the_end(test, port)
        finished = test.finish()
    assert finished.exit_code == 0, finished.stderr
    summary = finished.summary
    assert summary["run"]["notes"] == []
    for scenario, ledger in summary["ledger"].items():
        for state in STATES:
            told = receiver.total("arrivals", scenario=scenario, state=state)
            assert told == ledger[state], (scenario, state)
            read = last.total("load_test_arrivals_total", scenario=scenario, state=state)
            assert read == ledger[state], (scenario, state)
        assert receiver.total("start_lag", scenario=scenario) == ledger["started"]
        assert receiver.total("http_reqs", scenario=scenario, status="200") == ledger["started"]
        assert receiver.total("iterations", scenario=scenario) == ledger["completed"]
        assert receiver.total("errors", scenario=scenario, condition="zero") == ledger["completed"]
        read = last.total("load_test_http_req_duration_seconds_count", scenario=scenario)
        assert read == ledger["started"]
    for name in ("identify_duration", "track_duration_from_arrival", "iteration_duration"):
        assert receiver.total(name) == summary["metrics"][name]["count"], name
    # It was told on the way, not at the end alone.
    assert len(receiver.exports) > 3
    assert receiver.resource()["service.instance.id"] == finished.folder.name


def scraped_to_the_end(test: LoadTest, port: int) -> PrometheusPage:
    """Read the page as a scraper does, until it is gone; return the last reading."""
    last: PrometheusPage | None = None
    while True:
        try:
            last = PrometheusPage(port)
        except requests.ConnectionError:
            if last is not None:
                return last
            assert test.process.poll() is None, "the load test ended early"
        time.sleep(READ_EVERY_SECONDS)
