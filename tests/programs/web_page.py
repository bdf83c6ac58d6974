"""Locust's web UI in a real browser, as someone clicks through it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import requests
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions as until
from selenium.webdriver.support.wait import WebDriverWait

from tests.programs.load_test import LoadTest

_PATIENCE_SECONDS = 60
_CHROMIUM_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1400,1000",
)  # fmt: skip


def chromium(folder: Path) -> webdriver.Chrome:
    """Start a browser with an empty profile; the caller quits it."""
    options = webdriver.ChromeOptions()
    for flag in (*_CHROMIUM_FLAGS, f"--user-data-dir={folder}/chromium"):
        options.add_argument(flag)
    options.binary_location = "/usr/bin/chromium"
    return webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))


class Page:
    """Locust's page; it waits for whatever it is asked for, a minute at most.

    Args:
        browser: to show it in.
        test: whose page it is; with its web UI coming up.
        port: where.
    """

    def __init__(self, browser: webdriver.Chrome, test: LoadTest, port: int) -> None:
        self.browser = browser
        self.url = f"http://127.0.0.1:{port}"
        # The page may draw an element anew between two questions.
        self._wait = WebDriverWait(
            browser,
            _PATIENCE_SECONDS,
            poll_frequency=0.1,
            ignored_exceptions=(NoSuchElementException, StaleElementReferenceException),
        )
        _wait_until_up(test, self.url)
        browser.get(self.url)

    def click(self, text: str) -> None:
        """Click the button that shows this text, which style sheets may set in capitals."""
        self._wait.until(lambda _: self._has_clicked(text))

    def _has_clicked(self, text: str) -> bool:
        button = self._shown_button(text)
        if button is not None:
            button.click()
        return button is not None

    def _shown_button(self, text: str) -> WebElement | None:
        buttons = self.browser.find_elements(By.TAG_NAME, "button")
        return next(
            (button for button in buttons if button.is_displayed() and button.text.strip() == text), None
        )

    def wait_for(self, text: str) -> None:
        """Wait until this text is somewhere on the page."""
        self._wait.until(until.text_to_be_present_in_element((By.TAG_NAME, "body"), text))

    def fill(self, name: str, text: str) -> None:
        """Write into a field of the form."""
        field: WebElement = self._wait.until(until.visibility_of_element_located((By.NAME, name)))
        # A field with a list to choose from keeps its text when it is cleared.
        field.send_keys(Keys.CONTROL + "a" + Keys.NULL + text)

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of the visible table, by column title."""
        # In one go: the page may draw its table anew between two questions.
        cells: list[list[str]] = self.browser.execute_script(
            "const rows = [...document.querySelectorAll('table tr')];"
            "return rows.map(row => [...row.cells].map(one => one.innerText))"
        )
        return [dict(zip(cells[0], row, strict=True)) for row in cells[1:]]

    def wait_for_rows(self, expected: Callable[[list[dict[str, str]]], bool]) -> list[dict[str, str]]:
        """Wait until the rows are as expected and return them."""
        return self._wait.until(lambda _: (rows := self.rows()) and expected(rows) and rows)


def _wait_until_up(test: LoadTest, url: str) -> None:
    while True:
        assert test.process.poll() is None, "locust ended"
        try:
            requests.get(url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.02)
            continue
        return
