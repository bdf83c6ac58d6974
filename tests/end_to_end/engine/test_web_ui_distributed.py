"""Locust's web UI on a master with two workers: its tabs show what both have done together."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from selenium import webdriver

from tests.programs.cluster import Cluster
from tests.programs.load_test import two_scenarios
from tests.programs.web_page import Page, chromium
from tests.servers.free_port import free_port
from tests.servers.standin_server import StandinServer

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


@pytest.mark.alone
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
        live = page.wait_for_rows(lambda rows: all(int(row["Started"]) >= 40 for row in rows))
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

    for row in live:
        assert row["Time"].endswith("/10s")
        assert row["Schedule (arrivals/s)"] == "50.0"
        # Both workers' halves, give or take what a busy machine delays.
        assert 40 <= int(row["Rate (started/s)"]) <= 60
        assert row["VUs busy"].endswith(" of 50")
        assert float(row[LAG]) > 0
    assert [threshold["Threshold"] for threshold in thresholds] == ["rate>50", "p(95)<500"]
    values = [re.fullmatch(r"([\d.]+)(/s|µs|ms|s)", threshold["Value"]) for threshold in thresholds]
    assert all(value and float(value[1]) > 0 for value in values), thresholds

    assert rate["Result"] == "passes"
    assert rate["Value"].endswith("/s")
    assert float(rate["Value"].removesuffix("/s")) == pytest.approx(
        first["metrics"]["iterations"]["rate"], rel=1e-3
    )
    for row in stopped:
        ledger = first["ledger"][row["Scenario"]]
        assert (int(row["Started"]), int(row["Dropped"])) == (ledger["started"], ledger["dropped"])
        assert float(row[LAG]) == pytest.approx(first["generator"]["start_lag_p99_ms"], abs=0.06)
    assert first["run"]["ended_by"] == "stopped"
    assert sum(ledger["started"] for ledger in first["ledger"].values()) == first_count
    assert second["run"]["ended_by"] == "finished"
    started = [ledger["started"] for ledger in second["ledger"].values()]
    assert started == [row["started"] for row in ended] == [50, 50]
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
        time.sleep(0.02)
    rows: list[dict[str, Any]] = news["extended_stats"][0]["data"]
    return rows
