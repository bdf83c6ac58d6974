"""When messages were accepted: read from the stand-in that accepts them, and put on this process's clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import requests

from config.customerio.hosts import is_loopback
from config.errors import ConfigError
from config.guarded_session import plain_session
from run.time_sync import ClockOffset
from users.message_queue import ID_ATTRIBUTE

_PAGE = "/_standin/accepted"
_TIMEOUT_SECONDS = 5.0
_MOST_PAGE_BYTES = 4_000_000

# Clocks of two machines drift apart by 1 ms in 10 s at most (100 ppm): that far an exchange is good for.
_EXCHANGE_SECONDS = 10.0


class Acceptances:
    """The acceptances of messages at one stand-in.

    Instants come on the stand-in's monotonic clock. Each page has that clock's reading between the request
    and its answer, so the difference to our clock is known to within half the round trip. On one machine
    there is one monotonic clock: at a loopback address the difference is 0, unless an exchange shows another.

    Args:
        base_url: of the stand-in.
        ca_file: the authority to trust.
    """

    def __init__(self, base_url: str, ca_file: str | None) -> None:
        self.reads_failed = 0
        self.clock_error_seconds = 0.0
        self._url = base_url + _PAGE
        self._is_same_machine = is_loopback(base_url)
        self._session = plain_session(_MOST_PAGE_BYTES)
        # The stand-in may be told to close idle connections at any moment.
        self._session.headers["Connection"] = "close"
        if ca_file is not None:
            self._session.verify = ca_file
        self._next = 0
        self.offset_seconds = 0.0
        self._clock = ClockOffset()
        self._clock_since = time.monotonic()

    def begin(self) -> None:
        """Let the stand-in record acceptances from now on.

        Raises:
            ConfigError: the target is no stand-in, or cannot be reached.
        """
        expected = "expected a stand-in as the target, which says when it accepted a message"
        try:
            answer = self._session.post(
                self._url, json={"attribute": ID_ATTRIBUTE}, timeout=_TIMEOUT_SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise ConfigError(f"{self._url}: {expected}: cannot be reached") from error
        if answer.status_code != 200:
            raise ConfigError(f"{self._url}: {expected}: HTTP {answer.status_code}")

    def read(self) -> Iterator[tuple[str, float]]:
        """Yield the id of each message accepted since the last call, and when, on this process's clock.

        What cannot be read now is read the next time; ``reads_failed`` counts how often that was.
        """
        while True:
            try:
                page, sent, received = self._read_page()
            except (requests.RequestException, ValueError):
                self.reads_failed += 1
                return
            self.note_exchange(sent, float(page["clock"]), received)
            accepted = page["accepted"]
            for message_id, at in accepted:
                yield message_id, at - self.offset_seconds
            # Only now: a caller that was interrupted gets them again.
            self._next = int(page["next"])
            if not accepted:
                return

    def _read_page(self) -> tuple[Mapping[str, Any], float, float]:
        sent = time.monotonic()
        answer = self._session.get(
            self._url, params={"after": self._next}, timeout=_TIMEOUT_SECONDS, allow_redirects=False
        )
        received = time.monotonic()
        answer.raise_for_status()
        page: Mapping[str, Any] = answer.json()
        return page, sent, received

    def note_exchange(self, sent: float, theirs: float, received: float) -> None:
        """Record an exchange, by our clock and theirs, and set ``offset_seconds``: theirs minus ours."""
        if received - self._clock_since > _EXCHANGE_SECONDS:
            self._clock, self._clock_since = ClockOffset(), received
        self._clock.add(sent, theirs, received)
        if self._is_same_machine and abs(self._clock.offset_seconds) <= self._clock.error_seconds:
            self.offset_seconds = 0.0
        else:
            self.offset_seconds = self._clock.offset_seconds
            self.clock_error_seconds = max(self.clock_error_seconds, self._clock.error_seconds)

    def close(self) -> None:
        """Close the session."""
        self._session.close()
