"""The rate limiter's state as metrics, read when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from pipeline.limiter.interface import LimiterStats

_GAUGES = {
    "running": "Requests under way.",
    "queued": "Requests that wait for their turn.",
    "tokens_left": "Starts that the window still allows now.",
    "requests_allowed": "Starts per window that are allowed now; below the setting after a 429.",
    "shared": "1 while the limit is counted together with other processes, 0 while by this one alone.",
}
_COUNTERS = {
    "done": "Requests that have ended.",
    "throttled": "Answers with 429 that this process has told of.",
}


class LimiterCollector(Collector):
    """``customerio_limiter_...``, one value per field of the statistics.

    Args:
        stats: called once per scrape, so that all values are of one moment.
    """

    def __init__(self, stats: Callable[[], LimiterStats]) -> None:
        self._stats = stats

    def collect(self) -> Iterable[Metric]:
        stats = self._stats()
        for name, text in _GAUGES.items():
            yield GaugeMetricFamily(f"customerio_limiter_{name}", text, value=float(getattr(stats, name)))
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"customerio_limiter_{name}", text, value=float(getattr(stats, name)))

    def describe(self) -> Iterable[Metric]:
        """Names without values: the limiter need not run when the registry is made."""
        for name, text in _GAUGES.items():
            yield GaugeMetricFamily(f"customerio_limiter_{name}", text)
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"customerio_limiter_{name}", text)
