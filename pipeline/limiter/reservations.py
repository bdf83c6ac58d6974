"""Starts that Redis reserved for this process, and when they may be used by our clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from pipeline.limiter.script_call import MICRO
from pipeline.limiter.server_clock import ServerClock
from pipeline.limiter.window import SLACK_SHARE

_MOST_SLACK_SHARE = 0.020
"""A share of the window: the slack while Redis answers so slowly that its clock is known no better. 5 ms of a
second then remain of the guard for requests that overtake each other."""
_SURE_SHARE = 0.004
_CALLS_TO_TELL = 4


class Reservations:
    """Planned instants, in order. A start happens certainly within [planned, planned + slack], or never.

    Args:
        window_seconds: the limiter's window.
        min_gap_seconds: the least time between two starts.
    """

    def __init__(self, window_seconds: float, min_gap_seconds: float) -> None:
        self.clock = ServerClock()
        self.given_back: set[int] = set()
        self._planned: deque[int] = deque()
        self._window = window_seconds
        self._min_gap = min_gap_seconds
        self._last_start = -math.inf

    @property
    def too_slow(self) -> bool:
        """Whether the server's clock is known too badly to use any reservation, after some calls."""
        return (
            self.clock.calls >= _CALLS_TO_TELL and self.clock.uncertainty > self._window * _MOST_SLACK_SHARE
        )

    def add(self, instants: Iterable[int]) -> None:
        """Add reserved instants: microseconds on the server's clock, later than those added before."""
        self._planned.extend(instants)

    def usable(self, now: float) -> int:
        """Return how many reserved starts can still happen in time."""
        return len(self._planned) - self._missed(now)

    def next_start(self, now: float) -> float | None:
        """Return when the first usable start may happen; ``None`` if there is no usable start."""
        missed = self._missed(now)
        if missed == len(self._planned):
            return None
        after_gap = self._last_start + self._min_gap
        return max(after_gap, self.clock.certainly_after(self._planned[missed] / MICRO))

    def last_start(self) -> float:
        """Return when the last reserved start may happen."""
        return self.clock.certainly_after(self._planned[-1] / MICRO)

    def take(self, now: float) -> bool:
        """Use the first usable start if it may happen now; return whether it was used."""
        self.give_back_missed(now)
        start = self.next_start(now)
        if start is None or now < start:
            return False
        self._planned.popleft()
        self._last_start = now
        return True

    def give_back_missed(self, now: float) -> None:
        """Give back the starts that can no longer happen in time."""
        for _ in range(self._missed(now)):
            self.given_back.add(self._planned.popleft())

    def give_back_all(self) -> None:
        """Give back every reserved start."""
        self.given_back.update(self._planned)
        self._planned.clear()

    def forget_all(self) -> None:
        """Drop every reserved start without giving it back to the server."""
        self._planned.clear()
        self.given_back.clear()

    def _missed(self, now: float) -> int:
        """Return how many can no longer happen in time. They come first, as the instants are in order."""
        uncertain = self.clock.uncertainty + self._window * _SURE_SHARE
        slack = max(self._window * SLACK_SHARE, min(self._window * _MOST_SLACK_SHARE, uncertain))
        for missed, instant in enumerate(self._planned):
            if now <= self.clock.certainly_before(instant / MICRO + slack):
                return missed
        return len(self._planned)
