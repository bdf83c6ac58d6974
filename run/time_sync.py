"""The difference between two monotonic clocks, from a message there and back.

The other side read its clock at some instant between our sending and receiving. To assume the middle is wrong
by at most half the round trip (Cristian's algorithm), so the exchange with the shortest round trip counts.
"""

from __future__ import annotations


class ClockOffset:
    """The seconds to add to our monotonic clock to get the other side's, and the greatest error of that."""

    def __init__(self) -> None:
        self.samples = 0
        self.offset_seconds = 0.0
        self.error_seconds = float("inf")

    def add(self, sent: float, theirs: float, received: float) -> None:
        """Record an exchange: when we sent and received, by our clock, and what theirs showed in between."""
        self.samples += 1
        error = (received - sent) / 2
        if error < self.error_seconds:
            self.error_seconds = error
            self.offset_seconds = theirs - (sent + received) / 2
