"""The rate limiter's state as metrics, read at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pipeline.limiter.interface import LimiterStats

_GAUGES = {
    "running": "Requests in flight.",
    "queued": "Requests that wait for a slot.",
    "tokens_left": "Starts that the window still allows.",
    "requests_allowed": "Starts per window that are allowed now; fewer than the setting after a 429.",
    "shared": "1 while other processes count towards the limit, 0 while only this one does.",
}
_COUNTERS = {
    "done": "Requests that have ended.",
    "throttled": "429 responses this process reported to the limiter.",
}


class LimiterCollector(Collector):
    """Collects ``customerio_limiter_...``, one metric per field of ``LimiterStats``.

    Args:
        stats: called once per scrape, so that all values describe one moment.
    """

    def __init__(self, stats: Callable[[], LimiterStats]) -> None:
        self._stats = stats

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics with their values."""
        stats = self._stats()
        for name, text in _GAUGES.items():
            yield GaugeMetricFamily(f"customerio_limiter_{name}", text, value=float(getattr(stats, name)))
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"customerio_limiter_{name}", text, value=float(getattr(stats, name)))

    def describe(self) -> Iterable[Metric]:
        """Yield the metrics without values: the limiter need not run when the registry is created."""
        for name, text in _GAUGES.items():
            yield GaugeMetricFamily(f"customerio_limiter_{name}", text)
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"customerio_limiter_{name}", text)
