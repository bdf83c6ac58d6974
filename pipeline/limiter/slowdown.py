"""Slows down after a 429 and speeds up step by step: additive increase, multiplicative decrease."""

from __future__ import annotations

CUT = 0.5
FLOOR = 0.1
RISE_PER_SECOND = 0.05
"""A share of the full rate: the rate rises from one half to the whole in ten seconds."""
ROUNDING = 1e-6
"""Added before rounding down: 0.55 + 9 * 0.05 is a hair below 1 in binary."""


class Slowdown:
    """Decides how many starts per window are allowed.

    Args:
        requests: the full rate, in starts per window.
        window_seconds: the rate is cut at most once per window: many 429 responses at once mean one overload.
    """

    def __init__(self, requests: int, window_seconds: float) -> None:
        self._requests = requests
        self._window = window_seconds
        self._factor = 1.0
        self._cut_at: float | None = None

    def allowed(self, now: float) -> int:
        """Return the starts per window, from 1 to the full rate."""
        return max(1, int(self._requests * self._factor_at(now) + ROUNDING))

    def throttle(self, now: float) -> None:
        """Cut the rate because of a 429."""
        if self._cut_at is not None and now < self._cut_at + self._window:
            return
        self._factor = max(FLOOR, self._factor_at(now) * CUT)
        self._cut_at = now

    def _factor_at(self, now: float) -> float:
        if self._cut_at is None:
            return 1.0
        return min(1.0, self._factor + RISE_PER_SECOND * (now - self._cut_at))
