"""One run by the options of a k6 script: two workers, totals that are sent and scraped, traces."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.programs.load_test import Finished, LoadTest, processes
from tests.programs.prometheus_page import PrometheusPage
from tests.servers.echo_server import EchoServer
from tests.servers.free_port import free_port
from tests.servers.otlp_receiver import OtlpReceiver

STATES = ("scheduled", "started", "dropped", "completed", "interrupted", "lost", "not_yet_due")
READ_EVERY_SECONDS = 0.5


def scenario(function: str, **options: Any) -> dict[str, Any]:
    given = {"executor": "constant-arrival-rate", "exec": function, "preAllocatedVUs": 20}
    return {**given, "rate": 30, "duration": "3s", **options}


OPTIONS = {
    "scenarios": {
        "people": scenario("identifyUser", tags={"kind": "x"}),
        "events": scenario("trackEvent"),
        "browse": {"executor": "ramping-vus", "stages": [{"duration": "1s", "target": 5}]},
    },
    "thresholds": {"identify_duration": ["p95<60000"]},
}


@dataclass(frozen=True)
class FromK6:
    """The run, what its receivers were told last, and what its target heard."""

    finished: Finished
    options: Path
    receiver: OtlpReceiver
    last_page: PrometheusPage
    heard: bytes


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FromK6]:
    tmp_path, port = tmp_path_factory.mktemp("from_k6"), free_port()
    options = tmp_path / "script-options.json"
    options.write_text(json.dumps(OPTIONS))
    with EchoServer() as target, OtlpReceiver() as receiver:
        test = LoadTest(
            tmp_path, "--profile", str(options), *processes(2), "--traceparent",
            "--out", "otel", "--out", f"prometheus={port}",
            env={
                "CUSTOMERIO_BASE_URL": target.url,
                "CIO_SITE_ID": "site-of-ours",
                "CIO_API_KEY": "key-of-ours",
                "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
                "OTEL_METRIC_EXPORT_INTERVAL": "500",
            },
        )  # fmt: skip
        last_page = scraped_to_the_end(test, port)
        finished = test.finish()
        assert finished.exit_code == 0, finished.stderr
        yield FromK6(finished, options, receiver, last_page, target.heard_beside_authorization)


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


def test_the_sums_that_were_sent_and_scraped_equal_the_ledger(run: FromK6) -> None:
    summary, receiver, page = run.finished.summary, run.receiver, run.last_page
    assert summary["run"]["notes"] == []
    for name, ledger in summary["ledger"].items():
        for state in STATES:
            assert receiver.total("arrivals", scenario=name, state=state) == ledger[state], (name, state)
            read = page.total("load_test_arrivals_total", scenario=name, state=state)
            assert read == ledger[state], (name, state)
        for metric in ("start_lag", "http_reqs", "http_req_duration"):
            assert receiver.total(metric, scenario=name) == ledger["started"], metric
        assert receiver.total("iterations", scenario=name) == ledger["completed"]
        # The target refuses everything.
        assert receiver.total("errors", scenario=name, condition="nonzero") == ledger["completed"]
        read = page.total("load_test_http_req_duration_seconds_count", scenario=name)
        assert read == ledger["started"]
    for metric in ("identify_duration", "track_duration_from_arrival", "iteration_duration"):
        assert receiver.total(metric) == summary["metrics"][metric]["count"], metric
    # They were told on the way, not at the end alone.
    assert len(receiver.exports) > 3
    assert receiver.resource()["service.instance.id"] == run.finished.folder.name


def test_every_request_of_the_workers_had_a_trace_of_its_own(run: FromK6) -> None:
    traces = re.findall(rb"traceparent: 00-([0-9a-f]{32})-[0-9a-f]{16}-01\b", run.heard)
    sent = sum(ledger["started"] for ledger in run.finished.summary["ledger"].values())
    assert sent > 0
    assert len(set(traces)) == sent


def test_the_run_says_what_it_left_out_of_the_options(run: FromK6) -> None:
    warnings = [line for line in run.finished.stderr.splitlines() if line.startswith("warning: ")]
    assert warnings == [
        f"warning: {run.options}: scenarios.people.tags: not carried over, "
        "samples have the tag scenario, and no others of your own",
        f"warning: {run.options}: scenarios.browse: not carried over, "
        "executor ramping-vus sets VUs or iterations, not rates",
    ]
    assert {name: ledger["scheduled"] for name, ledger in run.finished.summary["ledger"].items()} == {
        "people": 90,
        "events": 90,
    }
