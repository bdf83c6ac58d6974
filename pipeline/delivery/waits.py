"""Logs what a delivery waits for when the wait is long or its reason needs a person's look."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)

# The retry policy's own pauses are this long at most.
_LONG_SECONDS = 5.0
# While many requests wait for the same, one line is enough.
_SILENCE_SECONDS = 60.0
_UNREADABLE = "unreadable_"


class WaitLog:
    """Logs a line for an answer that cannot be read, and one for a long ``Retry-After``.

    Args:
        clock: a monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._silent_until: dict[str, float] = {}

    def before_wait(self, word: str, seconds: float, asked_seconds: float | None) -> None:
        """Note a pause before a retry; see ``OnWait``."""
        if word.startswith(_UNREADABLE):
            self._log_once(
                word,
                _SILENCE_SECONDS,
                "waiting for an answer of the Track API that can be read; sending the request again",
                {"status": word.removeprefix(_UNREADABLE)},
            )
        elif asked_seconds is not None and asked_seconds > _LONG_SECONDS:
            self._log_once(
                "Retry-After",
                max(seconds, _SILENCE_SECONDS),
                "waiting as long as Customer.io asks for with Retry-After",
                {"reason": word, "seconds": round(seconds), "asked_seconds": round(asked_seconds)},
            )

    def _log_once(self, what: str, silence_seconds: float, text: str, extra: dict[str, object]) -> None:
        now = self._clock()
        if now >= self._silent_until.get(what, now):
            self._silent_until[what] = now + silence_seconds
            _log.warning(text, extra=extra)
