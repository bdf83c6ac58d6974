"""Reads the queue's backlog during a run, without delaying the load."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import gevent
import requests

from config.customerio.hosts import check_connection
from config.errors import ConfigError
from config.guarded_session import plain_session
from config.shown import shown_url
from config.urls import split_url
from metrics.queue_backlog import QueueFigures, dead_letters, partition_lags

logger = logging.getLogger("customerio_load")

READ_SECONDS = 2.0
"""Interval between two readings of a page."""

TIMEOUT_SECONDS = 2.0
"""Longest time for reading a whole page."""

# About 46 000 lines. Parsing them takes 9 ms, in which no VU of this process runs.
_LARGEST_PAGE_BYTES = 4_000_000
_CHUNK_BYTES = 65_536


def check_queue_metrics(urls: Sequence[str]) -> None:
    """Check the addresses without connecting.

    Raises:
        ConfigError: an address has another form, or a host under customer.io.
    """
    for url in urls:
        if "@" in url:
            raise ConfigError("--queue-metrics: expected no user or password in the URL")
        if split_url(url, ("http", "https")) is None:
            raise ConfigError(
                f"--queue-metrics: expected http(s)://host[:port]/metrics, got {shown_url(url)}"
            )
        try:
            check_connection(url, allow_live=False, instead="the page of a worker or an exporter")
        except ConfigError as error:
            raise ConfigError(f"--queue-metrics: {error}") from error


class QueueWatch:
    """The backlog over all pages, read in the background from ``start`` to ``stop``.

    If a page cannot be read, its last figures count until another page has its partitions: the consumer
    group gives the partitions of a dead worker to others.

    Args:
        urls: the pages, which ``check_queue_metrics`` has checked.
        timeout_seconds: longest time for reading a page.

    Raises:
        ConfigError: a page cannot be read now.
    """

    def __init__(self, urls: Sequence[str], timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._pages = [_Page(url, timeout_seconds) for url in urls]
        self._readers: list[gevent.Greenlet[..., None]] = []
        for page in self._pages:
            try:
                page.read()
            except ValueError as error:
                raise ConfigError(f"--queue-metrics: {page.url} {error}") from error
        lags = self._lags()
        if len({series.partition("{")[0] for series in lags}) > 1:
            raise ConfigError(
                "--queue-metrics: expected pages of workers or of an exporter, not of both: "
                "each message would count twice"
            )
        self._start = self._peak = self._end = _total(lags)
        self._readings = 0
        self._dead_at_start = self._dead_letters()
        self._has_news = True

    def start(self) -> None:
        """Read each page every ``READ_SECONDS`` from now on, in a greenlet of its own."""
        self._readers = [gevent.spawn(self._read_on, page) for page in self._pages]

    def take(self) -> int | None:
        """Return the backlog in messages; ``None`` if no page has been read since the last call."""
        if not self._has_news:
            return None
        self._has_news = False
        self._readings += 1
        self._end = _total(self._lags())
        self._peak = max(self._peak, self._end)
        return self._end

    def stop(self) -> None:
        """Read every page a last time. This takes up to the timeout of a page."""
        gevent.killall(self._readers)
        gevent.joinall([gevent.spawn(self._read, page) for page in self._pages])
        for page in self._pages:
            page.close()

    @property
    def figures(self) -> QueueFigures:
        """The figures over all calls of ``take`` so far."""
        failed = sum(page.failed for page in self._pages)
        return QueueFigures(self._start, self._peak, self._end, self._readings, failed)

    @property
    def dead_letters(self) -> int:
        """Messages dead-lettered since the first reading, as far as the pages are of workers."""
        return max(0, self._dead_letters() - self._dead_at_start)

    @property
    def replicas(self) -> int:
        """Pages whose last reading was successful."""
        return sum(page.is_up for page in self._pages)

    @property
    def notes(self) -> list[str]:
        """A line for the summary for each page that could not be read at least once."""
        return [
            f"--queue-metrics: {page.url} could not be read {page.failed} of {page.reads} times"
            for page in self._pages
            if page.failed
        ]

    def _read_on(self, page: _Page) -> None:
        while True:
            gevent.sleep(READ_SECONDS)
            self._read(page)

    def _read(self, page: _Page) -> None:
        try:
            page.read()
        except ValueError as error:
            page.failed += 1
            if page.failed == 1:
                logger.warning("--queue-metrics: %s %s; the run goes on", page.url, error)
            return
        self._has_news = True

    def _dead_letters(self) -> int:
        return sum(page.dead_letters for page in self._pages)

    def _lags(self) -> dict[str, float]:
        """Return the lag of each partition, from the page with it that was read last."""
        lags: dict[str, float] = {}
        for page in sorted(self._pages, key=lambda page: page.read_at):
            lags |= page.lags
        return lags


class _Page:
    """One page, and its last figures."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self.url = url
        self._timeout_seconds = timeout_seconds
        self.lags: dict[str, float] = {}
        self.read_at = 0.0
        self.dead_letters = 0
        self.is_up = False
        self.reads = 0
        self.failed = 0
        self._session = plain_session(_LARGEST_PAGE_BYTES)
        # A connection that is kept may be closed at its other end just as it is used again.
        self._session.headers["Connection"] = "close"

    def read(self) -> None:
        """Read the page. If that fails, raise a ``ValueError`` with the reason in words."""
        self.reads += 1
        self.is_up = False
        text = self._text()
        self.lags = partition_lags(text)
        self.dead_letters = dead_letters(text)
        self.is_up = True
        self.read_at = time.monotonic()

    def close(self) -> None:
        self._session.close()

    def _text(self) -> str:
        # The timeout of ``requests`` starts again with every byte.
        timeout = gevent.Timeout(self._timeout_seconds)
        try:
            with timeout:
                return self._fetch()
        except (gevent.Timeout, requests.Timeout) as error:
            if isinstance(error, gevent.Timeout) and error is not timeout:
                raise
            raise ValueError(f"takes longer than {self._timeout_seconds:g} s") from error
        except requests.RequestException as error:
            raise ValueError("cannot be reached") from error

    def _fetch(self) -> str:
        with self._session.get(
            self.url, timeout=self._timeout_seconds, stream=True, allow_redirects=False
        ) as response:
            if response.status_code != 200:
                raise ValueError(f"answers HTTP {response.status_code}")
            body = bytearray()
            for chunk in response.iter_content(_CHUNK_BYTES):
                body += chunk
                if len(body) > _LARGEST_PAGE_BYTES:
                    raise ValueError(f"is larger than {_LARGEST_PAGE_BYTES // 1_000_000} MB")
        return body.decode("utf-8", errors="replace")


def _total(lags: dict[str, float]) -> int:
    return round(sum(lags.values()))
