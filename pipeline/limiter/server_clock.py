"""What another machine's clock shows, as seen from here: bounds, not guesses."""

from __future__ import annotations

import math
from collections import deque

_KEEP_SECONDS = 2.0
"""Clocks drift apart by less than a millisecond in that time."""


class ServerClock:
    """Bounds for the distance between a server's clock and ours, from calls of the last two seconds.

    The server read its clock between our sending and our receiving, so each call bounds the distance from
    both sides, and the quickest call of the last ones counts.
    """

    def __init__(self) -> None:
        self._calls: deque[tuple[float, float, float]] = deque()
        self._least = -math.inf
        self._most = math.inf

    def observe(self, sent: float, received: float, server: float) -> None:
        """Takes in a call: ours when it was sent and received, the server's in between, seconds."""
        while self._calls and self._calls[0][0] < received - _KEEP_SECONDS:
            self._calls.popleft()
        self._calls.append((received, server - received, server - sent))
        if not self._bounds():
            # They contradict each other: a clock was set. Only the last tells of now.
            self._calls = deque([self._calls[-1]])
            self._bounds()

    @property
    def calls(self) -> int:
        """So many tell of the distance."""
        return len(self._calls)

    @property
    def uncertainty(self) -> float:
        """Seconds between the bounds: at best the time that the quickest call took."""
        return self._most - self._least

    def certainly_after(self, instant: float) -> float:
        """Our instant from which on the server's clock shows ``instant`` or later for certain."""
        return instant - self._least

    def certainly_before(self, instant: float) -> float:
        """Our instant until which the server's clock shows ``instant`` or earlier for certain."""
        return instant - self._most

    def _bounds(self) -> bool:
        self._least = max(least for _, least, _ in self._calls)
        self._most = min(most for _, _, most in self._calls)
        return self._least <= self._most
