"""A rate limit that is exact."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 1.0


class SlidingWindow:
    """A rate limit as an exact sliding window: no span of it holds more than ``limit`` admissions.

    A refused request does not use up the limit. Memory holds at most ``limit`` instants.
    """

    def __init__(self, limit: int, seconds: float = WINDOW_SECONDS) -> None:
        self.limit = limit
        self.seconds = seconds
        self._admitted: deque[float] = deque(maxlen=limit)

    def admit(self, now: float) -> float:
        """Admit a request if the limit allows it.

        Args:
            now: seconds on a monotonic clock.

        Returns:
            0.0 if the request is admitted, else the seconds until the next one can be.
        """
        if len(self._admitted) == self.limit:
            age = now - self._admitted[0]
            if age < self.seconds:
                return self.seconds - age
        self._admitted.append(now)
        return 0.0
