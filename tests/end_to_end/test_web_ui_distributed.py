"""Locust's web UI on a master with two workers: its tabs show what both have done together."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from selenium import webdriver

from tests.cluster_faults import Cluster
from tests.load_test import free_port, two_scenarios
from tests.standin_server import StandinServer
from tests.web_page import Page, chromium

# 50/s each, and a rate that only holds if it is divided by the run's own length, whenever it is asked for.
PROFILE = two_scenarios([(50, "10s")], start_rate=50) + (
    '[thresholds]\niterations = ["rate>50"]\ntrack_duration = ["p(95)<500"]\n'
)
LAG = "Start lag p99, overall (ms)"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    browser = chromium(tmp_path)
    yield browser
    browser.quit()


def test_the_tabs_follow_two_workers_and_another_run_can_follow(
    tmp_path: Path, browser: webdriver.Chrome
) -> None:
    port = free_port()
    with StandinServer() as standin:
        cluster = Cluster(
            tmp_path, standin, "--web-host", "127.0.0.1", "--web-port", str(port),
            workers=2, profile=PROFILE, headless=False,
        )  # fmt: skip
        page = Page(browser, cluster.master, port)
        page.wait_for("Workers\n2")
        page.click("START")
        page.click("SCHEDULE")
        live = page.wait_for_rows(lambda rows: all(int(one["Started"]) >= 40 for one in rows))
        page.click("THRESHOLDS")
        thresholds = page.wait_for_rows(lambda rows: len(rows) == 2 and "Threshold" in rows[0])
        page.click("STOP")
        page.wait_for("STOPPED")
        (rate, _) = page.rows()
        page.click("SCHEDULE")
        stopped = page.wait_for_rows(lambda rows: "Started" in rows[0])
        first_count = standin.stats()["requests_total"]
        ended = _run_again(page.url, cluster, time_scale="0.1")
        second_count = standin.stats()["requests_total"] - first_count
        cluster.master.signal(signal.SIGINT)
        finished = cluster.finish()
    first, second = (json.loads((folder / "summary.json").read_text()) for folder in finished.folders)

    for one in live:
        assert one["Time"].endswith("/10s")
        assert one["Schedule (arrivals/s)"] == "50.0"
        # Both workers' halves, give or take what a busy machine delays.
        assert 40 <= int(one["Rate (started/s)"]) <= 60
        assert one["VUs busy"].endswith(" of 50")
        assert float(one[LAG]) > 0
    assert [one["Threshold"] for one in thresholds] == ["rate>50", "p(95)<500"]
    assert all(float(one["Value"]) > 0 for one in thresholds)

    assert rate["Result"] == "passes"
    assert float(rate["Value"]) == pytest.approx(first["metrics"]["iterations"]["rate"], rel=1e-3)
    for one in stopped:
        ledger = first["ledger"][one["Scenario"]]
        assert (int(one["Started"]), int(one["Dropped"])) == (ledger["started"], ledger["dropped"])
        assert float(one[LAG]) == pytest.approx(first["generator"]["start_lag_p99_ms"], abs=0.06)
    assert first["run"]["ended_by"] == "stopped"
    assert sum(one["started"] for one in first["ledger"].values()) == first_count
    assert second["run"]["ended_by"] == "finished"
    started = [one["started"] for one in second["ledger"].values()]
    assert started == [one["started"] for one in ended] == [50, 50]
    assert second_count == 100


def _run_again(url: str, cluster: Cluster, **form: str) -> list[dict[str, Any]]:
    """A run that ends by itself, and the rows of the schedule's tab when it has ended."""
    answer = requests.post(f"{url}/swarm", data=form, timeout=30).json()
    assert answer["success"], answer
    states: list[str] = []
    while states[-2:] != ["running", "stopped"]:
        assert cluster.master.process.poll() is None
        news = requests.get(f"{url}/stats/requests", timeout=5).json()
        if news["state"] not in states[-1:]:
            states.append(news["state"])
    rows: list[dict[str, Any]] = news["extended_stats"][0]["data"]
    return rows
