"""The limits of the App API, which Customer.io enforces, unlike Track's."""

from __future__ import annotations

from config.customerio.limits import limit
from standin.endpoint import Quota
from standin.sliding_window import SlidingWindow


class Quotas:
    """One window for each published limit. Transactional sends and triggers do not count as other calls."""

    def __init__(self) -> None:
        self._windows = {
            Quota.APP: SlidingWindow(limit("app_requests_per_second")),
            Quota.TRANSACTIONAL: SlidingWindow(limit("app_transactional_per_second")),
            Quota.BROADCAST: SlidingWindow(1, float(limit("app_broadcast_gap_seconds"))),
        }

    def admit(self, quota: Quota, now: float) -> float:
        """Admit a request to its limit: 0.0 if it is admitted, else the seconds until one can be."""
        return self._windows[quota].admit(now)
