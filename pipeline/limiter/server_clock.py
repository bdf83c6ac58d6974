"""Knows the clock of another machine within bounds."""

from __future__ import annotations

import math
from collections import deque

_KEEP_SECONDS = 2.0
"""Two clocks drift apart by less than a millisecond in this time."""


class ServerClock:
    """Bounds on the offset between a server's clock and ours, from the calls of the last two seconds.

    The server read its clock after we sent and before we received, so each call bounds the offset from both
    sides. The quickest call gives the tightest bounds.
    """

    def __init__(self) -> None:
        self._calls: deque[tuple[float, float, float]] = deque()
        self._least = -math.inf
        self._most = math.inf

    def observe(self, sent: float, received: float, server: float) -> None:
        """Add a call.

        Args:
            sent, received: our clock before and after the call, seconds.
            server: the server's clock during the call, seconds.
        """
        while self._calls and self._calls[0][0] < received - _KEEP_SECONDS:
            self._calls.popleft()
        self._calls.append((received, server - received, server - sent))
        if not self._update_bounds():
            # The calls contradict each other, so a clock was set. Only the last call shows the present.
            self._calls = deque([self._calls[-1]])
            self._update_bounds()

    @property
    def calls(self) -> int:
        """The number of calls that bound the offset."""
        return len(self._calls)

    @property
    def uncertainty(self) -> float:
        """The seconds between the bounds: at best the duration of the quickest call."""
        return self._most - self._least

    def certainly_after(self, instant: float) -> float:
        """Return our earliest instant at which the server's clock certainly shows ``instant`` or later."""
        return instant - self._least

    def certainly_before(self, instant: float) -> float:
        """Return our latest instant at which the server's clock certainly shows ``instant`` or earlier."""
        return instant - self._most

    def _update_bounds(self) -> bool:
        """Return whether the calls agree with each other."""
        self._least = max(least for _, least, _ in self._calls)
        self._most = min(most for _, _, most in self._calls)
        return self._least <= self._most
