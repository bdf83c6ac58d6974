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
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions as until
from selenium.webdriver.support.wait import WebDriverWait

from tests.load_test import THRESHOLDS, LoadTest, free_port, two_scenarios
from tests.standin_server import StandinServer

_PATIENCE_SECONDS = 60
_CHROMIUM_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1400,1000",
)  # fmt: skip


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    for flag in (*_CHROMIUM_FLAGS, f"--user-data-dir={tmp_path}/chromium"):
        options.add_argument(flag)
    options.binary_location = "/usr/bin/chromium"
    browser = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    yield browser
    browser.quit()


class Page:
    """Locust's page, as someone clicks through it."""

    def __init__(self, browser: webdriver.Chrome, url: str) -> None:
        self.browser = browser
        self._wait = WebDriverWait(browser, _PATIENCE_SECONDS)
        browser.get(url)

    def click(self, text: str) -> None:
        """Click the button that shows this text, which style sheets may set in capitals."""
        button = self._wait.until(lambda _: self._shown_button(text))
        assert button is not None
        button.click()

    def _shown_button(self, text: str) -> WebElement | None:
        buttons = self.browser.find_elements(By.TAG_NAME, "button")
        return next((one for one in buttons if one.is_displayed() and one.text.strip() == text), None)

    def wait_for(self, text: str) -> None:
        self._wait.until(until.text_to_be_present_in_element((By.TAG_NAME, "body"), text))

    def fill(self, name: str, text: str) -> None:
        field: WebElement = self._wait.until(until.visibility_of_element_located((By.NAME, name)))
        field.clear()
        field.send_keys(text)


@pytest.fixture
def port() -> int:
    return free_port()


def wait_until_up(test: LoadTest, url: str) -> None:
    while True:
        assert test.process.poll() is None, "locust ended"
        try:
            requests.get(url, timeout=5)
        except requests.ConnectionError:
            continue
        return


def test_start_stop_and_start_again(tmp_path: Path, browser: webdriver.Chrome, port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    profile = two_scenarios([(20, "30s")], start_rate=20) + THRESHOLDS
    with StandinServer() as standin:
        test = LoadTest(
            tmp_path,
            "--web-host", "127.0.0.1", "--web-port", str(port),
            profile=profile,
            headless=False,
            env={"CUSTOMERIO_BASE_URL": standin.url},
        )  # fmt: skip
        wait_until_up(test, url)
        page = Page(browser, url)

        page.click("START")
        page.wait_for("RUNNING")
        while standin.stats()["requests_total"] < 100:
            assert test.process.poll() is None
        page.click("SCHEDULE")
        page.wait_for("identify_load")
        page.wait_for("Schedule (arrivals/s)")
        page.click("THRESHOLDS")
        page.wait_for("rate<0.01")
        page.wait_for("passes")
        page.click("STOP")
        page.wait_for("STOPPED")
        first_count = standin.stats()["requests_total"]

        page.click("NEW")
        page.click("Custom parameters")
        page.fill("timeScale", "0.1")
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
    assert sum(one["started"] for one in first["ledger"].values()) == first_count
    assert all(one["not_yet_due"] > 0 for one in first["ledger"].values())
    assert second["run"]["ended_by"] == "finished"
    assert [one["started"] for one in second["ledger"].values()] == [60, 60]
    assert second["metrics"]["http_reqs"]["count"] == second_count == 120


def test_a_mistake_in_the_form_is_answered_in_the_form(
    tmp_path: Path, browser: webdriver.Chrome, port: int
) -> None:
    url = f"http://127.0.0.1:{port}"
    with StandinServer() as standin:
        test = LoadTest(
            tmp_path,
            "--web-host", "127.0.0.1", "--web-port", str(port),
            headless=False,
            env={"CUSTOMERIO_BASE_URL": standin.url},
        )  # fmt: skip
        wait_until_up(test, url)
        page = Page(browser, url)
        page.click("Advanced options")
        page.fill("profile", "no-such-profile")
        page.click("START")
        page.wait_for("no such profile; expected the path of a .toml file or one of")
        answers = [
            requests.post(f"{url}/swarm", data=form, timeout=10).json()
            for form in ({"time_scale": "-1"}, {"people_seed": "x"}, {"host": "https://track.customer.io"})
        ]
        assert [one["success"] for one in answers] == [False, False, False]
        assert "refused, it is a live workspace" in answers[2]["message"]
        assert standin.stats()["requests_total"] == 0
        test.signal(signal.SIGTERM)
        finished = test.finish()
    assert finished.exit_code == 0
    assert not list(finished.results_dir.iterdir())
    assert "Traceback" not in finished.stderr
