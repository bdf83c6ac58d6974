"""When the next request may start, so that no sliding window ever holds too many."""

from __future__ import annotations

import math
from collections import deque

GUARD_SHARE = 0.025
"""Of the window: planned starts keep this much more distance than the limit asks for (97.56% are used)."""
SLACK_SHARE = 0.010
"""Of the window: how late after its planned instant a start may come. The rest of the guard, 15 ms of a
second, is for what lies between here and the server: requests that overtake each other on their way."""


class StartWindow:
    """A sliding log of *planned* instants.

    The n-th start from now back stays ``window + guard`` away from the next one, by their planned instants,
    and a start comes at most ``slack`` after its own. So real starts keep more than the window between
    them, and yet a late one does not push back those that follow a window later, as it would if the real
    instants were kept: lateness does not add up.

    Args:
        requests: the most starts in a window.
        window_seconds: its length.
        min_gap_seconds: between two real starts.
    """

    def __init__(self, requests: int, window_seconds: float, min_gap_seconds: float) -> None:
        self._requests = requests
        self._span = window_seconds * (1.0 + GUARD_SHARE)
        self._slack = window_seconds * SLACK_SHARE
        self._min_gap = min_gap_seconds
        self._planned: deque[float] = deque()
        self._last_start = -math.inf

    def earliest(self, allowed: int) -> float:
        """The instant from which the next may start, in the past if it may at once.

        Args:
            allowed: starts per window, from 1 to ``requests``.
        """
        return max(self._last_start + self._min_gap, self._by_window(allowed))

    def take(self, now: float, allowed: int) -> None:
        """Books a start that happens now.

        Raises:
            ValueError: it is too early.
        """
        earliest = self.earliest(allowed)
        if now < earliest:
            raise ValueError(f"a start {earliest - now} s too early")
        # Any instant will do as the planned one that lies at most the slack behind and keeps the distance.
        # The gap does not come into it: it is kept between the real starts.
        planned = max(self._by_window(allowed), now - self._slack)
        if self._planned:
            planned = max(planned, self._planned[-1])
        self._forget(planned)
        self._planned.append(planned)
        self._last_start = now

    def tokens_left(self, now: float, allowed: int) -> int:
        """Starts that the window still has room for now, the gap between them aside."""
        counted = sum(planned + self._span > now for planned in self._planned)
        return max(0, allowed - counted)

    def _by_window(self, allowed: int) -> float:
        return self._planned[-allowed] + self._span if len(self._planned) >= allowed else -math.inf

    def _forget(self, instant: float) -> None:
        # What was planned a whole span ago holds back nobody from here on.
        while self._planned and self._planned[0] + self._span <= instant:
            self._planned.popleft()
