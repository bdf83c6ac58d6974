"""Locust's web UI in a real browser: start, watch, stop, start again, each run with its own clean ledger."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.programs.load_test import THRESHOLDS, LoadTest, two_scenarios
from tests.programs.web_page import Page, chromium
from tests.servers.free_port import free_port
from tests.servers.standin_server import StandinServer


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    browser = chromium(tmp_path)
    yield browser
    browser.quit()


@pytest.fixture
def port() -> int:
    return free_port()


def test_start_stop_and_start_again(tmp_path: Path, browser: webdriver.Chrome, port: int) -> None:
    profile = two_scenarios([(50, "20s")], start_rate=50) + THRESHOLDS
    with StandinServer() as standin:
        test = LoadTest(
            tmp_path,
            "--web-host", "127.0.0.1", "--web-port", str(port),
            profile=profile,
            headless=False,
            env={"CUSTOMERIO_BASE_URL": standin.url},
        )  # fmt: skip
        page = Page(browser, test, port)

        page.click("START")
        page.wait_for("RUNNING")
        test.wait_until(lambda: standin.stats()["requests_total"] >= 100)
        page.click("SCHEDULE")
        page.wait_for("identify_load")
        page.wait_for("Schedule (arrivals/s)")
        page.wait_for("Arrivals against the schedule")
        page.click("THRESHOLDS")
        page.wait_for("rate<0.01")
        page.wait_for("passes")
        page.wait_for("State over the run")
        # The end takes longer than the page's pause between two questions, and it must not stop asking.
        standin.set_faults(latency="4s")
        page.click("STOP")
        page.wait_for("STOPPED")
        standin.set_faults(latency="0ms")
        page.wait_for("Generator ")
        live = requests.get(f"{page.url}/load-test/live", timeout=10).json()
        report_page = requests.get(f"{page.url}/load-test/report", timeout=10)
        page.click("SCHEDULE")
        shown = page.wait_for_rows(lambda rows: "Started" in rows[0])
        first_count = standin.stats()["requests_total"]

        page.click("NEW")
        page.click("Custom parameters")
        page.fill("timeScale", "0.05")
        page.click("START")
        page.wait_for("RUNNING")
        page.wait_for("STOPPED")
        second_count = standin.stats()["requests_total"] - first_count

        test.signal(signal.SIGINT)
        finished = test.finish()
    assert finished.exit_code == 0
    assert "Traceback" not in finished.stderr
    first, second = (json.loads((folder / "summary.json").read_text()) for folder in finished.folders)
    assert first["run"]["ended_by"] == "stopped"
    assert live["run"] == first["run"]["id"]
    assert sum(second[2] for second in live["seconds"]) == first_count
    assert sum(second[3] for second in live["seconds"]) == sum(
        ledger["dropped"] for ledger in first["ledger"].values()
    )
    assert [len(threshold["history"]) > 0 for threshold in live["thresholds"]] == [True] * 3
    assert live["report"]["line"].startswith(first["verdict"]["line"])
    assert report_page.text == (finished.folders[0] / "report.html").read_text(encoding="utf-8")
    assert sum(ledger["started"] for ledger in first["ledger"].values()) == first_count
    assert all(ledger["not_yet_due"] > 0 for ledger in first["ledger"].values())
    assert [int(row["Started"]) for row in shown] == [
        ledger["started"] for ledger in first["ledger"].values()
    ]
    assert second["run"]["ended_by"] == "finished"
    assert [ledger["started"] for ledger in second["ledger"].values()] == [50, 50]
    assert second["metrics"]["http_reqs"]["count"] == second_count == 100


def test_a_mistake_in_the_form_is_answered_in_the_form(
    tmp_path: Path, browser: webdriver.Chrome, port: int
) -> None:
    with StandinServer() as standin:
        test = LoadTest(
            tmp_path,
            "--web-host", "127.0.0.1", "--web-port", str(port),
            headless=False,
            env={"CUSTOMERIO_BASE_URL": standin.url},
        )  # fmt: skip
        page = Page(browser, test, port)
        assert requests.get(f"{page.url}/load-test/report", timeout=10).status_code == 404
        names = ("userCount", "spawnRate", "runTime")
        fields = [field for name in names for field in page.browser.find_elements(By.NAME, name)]
        assert not any(field.is_displayed() for field in fields), "what a schedule does not ask for"
        page.click("Advanced options")
        page.fill("profile", "spi")
        page.wait_for("spike")
        page.fill("profile", "no-such-profile")
        page.click("START")
        page.wait_for("no such profile; expected the path of a .toml file or one of")
        answers = [
            requests.post(f"{page.url}/swarm", data=form, timeout=10).json()
            for form in ({"time_scale": "-1"}, {"people_seed": "x"}, {"host": "https://track.customer.io"})
        ]
        assert [answer["success"] for answer in answers] == [False, False, False]
        assert "refused, it is a live workspace" in answers[2]["message"]
        assert standin.stats()["requests_total"] == 0
        test.signal(signal.SIGTERM)
        finished = test.finish()
    assert finished.exit_code == 0
    assert not list(finished.results_dir.iterdir())
    assert "Traceback" not in finished.stderr
