"""Says once that Customer.io does not answer, and once that it does again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)
# A fault now and then is the retries' business.
_PATIENCE_SECONDS = 5.0


class Reachability:
    """Told of every request's end: an HTTP status, or a word for what kept one from coming.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answered_at = clock()
        self._is_away = False

    def observe_request(self, word: str) -> None:
        if word.startswith("2"):
            if self._is_away:
                seconds = round(self._clock() - self._answered_at)
                _log.info("Customer.io answers again", extra={"away_seconds": seconds})
            self._answered_at = self._clock()
            self._is_away = False
        elif not self._is_away and self._clock() - self._answered_at > _PATIENCE_SECONDS:
            self._is_away = True
            _log.warning("Customer.io takes nothing; trying again until it does", extra={"reason": word})
