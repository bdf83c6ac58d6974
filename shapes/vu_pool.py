"""How many VUs a scenario has: the pre-allocated ones, and more while arrivals are being dropped."""

from __future__ import annotations


class VuPool:
    """The wanted number of VUs of one scenario; it never shrinks during a run.

    Args:
        pre_allocated_vus: the number at the start.
        max_vus: the greatest number.
    """

    def __init__(self, pre_allocated_vus: int, max_vus: int) -> None:
        self.size = pre_allocated_vus
        self._max_vus = max_vus
        self._dropped_before = 0

    def grow(self, dropped: int) -> None:
        """Add a VU per arrival dropped since the last call, as k6 does, up to the maximum.

        Args:
            dropped: number of all arrivals dropped so far.
        """
        self.size = min(self._max_vus, self.size + max(0, dropped - self._dropped_before))
        self._dropped_before = dropped
