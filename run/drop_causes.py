"""Why arrivals were dropped: no VU was idle, or the generator itself could not act.

A higher ``max_vus`` helps in the first case only, so the two must be told apart. The arrival clock itself
knows one form of the second: a VU that wakes long after its instant (``dropped_late``). It cannot know the
others: arrivals that came due while the whole process was stopped or starved, or while a worker had no grant
because its master stood still. VUs were idle then, but could not run.
"""

from __future__ import annotations

LOOK_SECONDS = 0.05
"""Interval between calls of ``DropCauses.look``. After twice that the process must have stood still."""

# A VU without a grant sleeps up to a quarter of a second before it looks again, so arrivals that come due
# right after a late grant are missed by VUs that are idle.
_WAKING_SECONDS = 0.3


class DropCauses:
    """Tells one scenario's dropped arrivals apart by looking at their number several times a second.

    Args:
        now: the monotonic instant of the start, in seconds.
    """

    def __init__(self, now: float) -> None:
        self.stood_still = 0
        self._looked_at = now
        self._dropped_before = 0
        self._excused_until = now

    def look(self, now: float, dropped: int) -> None:
        """Attribute what has been dropped since the last look.

        Args:
            now: the monotonic instant, in seconds.
            dropped: all arrivals that were due without an idle VU to take them, until now. Those that a
                VU took and woke too late for are not among them.
        """
        # A look that comes late means that nothing in this process ran in time. All its VUs wake at once
        # after that: an arrival that comes due before they have all done so was missed for the same reason.
        if now - self._looked_at > 2 * LOOK_SECONDS:
            self._excused_until = max(self._excused_until, now + LOOK_SECONDS)
        if self._looked_at < self._excused_until:
            self.stood_still += dropped - self._dropped_before
        self._looked_at = now
        self._dropped_before = dropped

    def excuse(self, now: float) -> None:
        """Record that a late start or a late grant kept the VUs from starting anything until ``now``."""
        self._excused_until = now + _WAKING_SECONDS
