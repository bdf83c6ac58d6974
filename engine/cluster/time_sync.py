"""The difference between two monotonic clocks, from a message there and back.

The answer of the other side was written at some instant between sending and receiving; taking the middle
errs by at most half the round trip (Cristian's algorithm). The shortest round trip seen is the best.
"""

from __future__ import annotations


class ClockOffset:
    """What to add to our monotonic clock to get theirs."""

    def __init__(self) -> None:
        self.samples = 0
        self.offset_seconds = 0.0
        self.error_seconds = float("inf")

    def add(self, sent: float, theirs: float, received: float) -> None:
        """One exchange: when we sent and received, by our clock, and what theirs showed in between."""
        self.samples += 1
        error = (received - sent) / 2
        if error < self.error_seconds:
            self.error_seconds = error
            self.offset_seconds = theirs - (sent + received) / 2
