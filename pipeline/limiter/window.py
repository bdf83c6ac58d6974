"""Decides when the next request may start, so that no sliding window holds too many starts."""

from __future__ import annotations

import math
from collections import deque

GUARD_SHARE = 0.025
"""A share of the window: planned starts keep this much more distance than the limit demands. The limiter
therefore uses at most 97.56% of the rate."""
SLACK_SHARE = 0.010
"""A share of the window: a start may come this long after its planned instant. The rest of the guard, 15 ms
of a second, covers requests that overtake each other on their way to the server."""


class StartWindow:
    """A sliding log of *planned* instants.

    The next planned instant lies at least ``window + guard`` after the n-th last one, and a start comes at
    most ``slack`` after its planned instant. Real starts therefore keep more than the window between them.
    A log of real instants would push back every start that follows a late one by a window; in a log of
    planned instants lateness does not add up.

    Args:
        requests: the most starts in a window.
        window_seconds: the length of the window.
        min_gap_seconds: the least time between two real starts.
    """

    def __init__(self, requests: int, window_seconds: float, min_gap_seconds: float) -> None:
        self._requests = requests
        self._span = window_seconds * (1.0 + GUARD_SHARE)
        self._slack = window_seconds * SLACK_SHARE
        self._min_gap = min_gap_seconds
        self._planned: deque[float] = deque()
        self._last_start = -math.inf

    def earliest(self, allowed: int) -> float:
        """Return when the next start is allowed; an instant in the past if it is allowed now.

        Args:
            allowed: starts per window, from 1 to ``requests``.
        """
        return max(self._last_start + self._min_gap, self._by_window(allowed))

    def take(self, now: float, allowed: int) -> None:
        """Book a start that happens at ``now``.

        Raises:
            ValueError: the start is too early.
        """
        earliest = self.earliest(allowed)
        if now < earliest:
            raise ValueError(f"start is {earliest - now} s too early")
        # The planned instant may be any instant that keeps the distance and lies at most the slack before
        # now. The gap does not matter here: it is kept between real starts.
        planned = max(self._by_window(allowed), now - self._slack)
        if self._planned:
            planned = max(planned, self._planned[-1])
        self._forget(planned)
        self._planned.append(planned)
        self._last_start = now

    def tokens_left(self, now: float, allowed: int) -> int:
        """Return the starts that the window still allows, without regard to the gap between them."""
        counted = sum(planned + self._span > now for planned in self._planned)
        return max(0, allowed - counted)

    def _by_window(self, allowed: int) -> float:
        return self._planned[-allowed] + self._span if len(self._planned) >= allowed else -math.inf

    def _forget(self, instant: float) -> None:
        # A start that was planned a whole span ago no longer delays any other.
        while self._planned and self._planned[0] + self._span <= instant:
            self._planned.popleft()
