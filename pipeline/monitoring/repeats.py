"""Holds back log lines that a library repeats, for example while a broker is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

# Beyond this many different lines the oldest is forgotten, and passes again.
_MOST_REMEMBERED = 1000


class RepeatFilter(logging.Filter):
    """Passes the same line of the given loggers once per period.

    The next line that passes has the number of lines held back since, in the field ``held_back``.

    Args:
        loggers: names of loggers; their children are included.
        period_seconds: the time within which a repeated line is held back.
        clock: a monotonic clock, in seconds.
    """

    def __init__(
        self,
        loggers: tuple[str, ...],
        period_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._loggers = loggers
        self._period_seconds = period_seconds
        self._clock = clock
        self._last: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record passes, and count it if it does not."""
        if not any(record.name == name or record.name.startswith(f"{name}.") for name in self._loggers):
            return True
        key = (record.name, record.levelno, record.getMessage())
        now = self._clock()
        passed, held_back = self._last.pop(key, (None, 0))
        if passed is not None and now - passed < self._period_seconds:
            self._last[key] = (passed, held_back + 1)
            return False
        self._last[key] = (now, 0)
        if len(self._last) > _MOST_REMEMBERED:
            del self._last[next(iter(self._last))]
        if held_back:
            record.__dict__["held_back"] = held_back
        return True
