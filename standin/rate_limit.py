"""A limit on requests per second."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 1.0


class SlidingWindow:
    """An exact sliding window: no span of one second ever holds more than ``limit`` admissions.

    Refused requests take nothing from the window. It remembers ``limit`` instants, no more.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._admitted: deque[float] = deque(maxlen=limit)

    def admit(self, now: float) -> float:
        """Takes a place if there is one.

        Args:
            now: seconds on a clock that never goes back.

        Returns:
            0.0 if the request is admitted, else the seconds until the next place is free.
        """
        if len(self._admitted) == self.limit:
            age = now - self._admitted[0]
            if age < WINDOW_SECONDS:
                return WINDOW_SECONDS - age
        self._admitted.append(now)
        return 0.0
