"""Logs once that Customer.io accepts no requests, and once that it does again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)
# Retries handle a shorter failure; it needs no log line.
_PATIENCE_SECONDS = 5.0


class Reachability:
    """Observes the result of every request.

    Args:
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answered_at = clock()
        self._is_away = False

    def observe_request(self, word: str) -> None:
        """Note the end of a request: its HTTP status, or a word for the failure, such as ``timeout``."""
        if word.startswith("2"):
            if self._is_away:
                seconds = round(self._clock() - self._answered_at)
                _log.info("Customer.io accepts requests again", extra={"away_seconds": seconds})
            self._answered_at = self._clock()
            self._is_away = False
        elif not self._is_away and self._clock() - self._answered_at > _PATIENCE_SECONDS:
            self._is_away = True
            _log.warning("Customer.io accepts no requests; retrying until it does", extra={"reason": word})
