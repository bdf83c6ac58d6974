"""The metrics a run records, under k6's names where k6 has them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Tags = tuple[tuple[str, str], ...]
"""A sample's tags as sorted pairs, so that equal tags are equal keys."""


class MetricType(StrEnum):
    """k6's four kinds of metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    RATE = "rate"
    TREND = "trend"


@dataclass(frozen=True)
class Metric:
    """A metric's name and type, what its values are ("time" is milliseconds), and what it tells."""

    name: str
    type: MetricType
    contains: str = "default"
    description: str = ""


def _catalog(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


CATALOG = _catalog(
    Metric("checks", MetricType.RATE, description="share of checks that passed"),
    Metric("errors", MetricType.RATE, description="share of iterations whose check failed"),
    Metric("identify_duration", MetricType.TREND, "time", "identify: from the request's start to the answer"),
    Metric("track_duration", MetricType.TREND, "time", "track: from the request's start to the answer"),
    Metric("identify_duration_from_arrival", MetricType.TREND, "time", "identify: from the due instant on"),
    Metric("track_duration_from_arrival", MetricType.TREND, "time", "track: from the due instant on"),
    Metric("start_lag", MetricType.TREND, "time", "from an arrival's instant to its iteration's start"),
    Metric("http_reqs", MetricType.COUNTER, description="requests sent"),
    Metric("http_req_duration", MetricType.TREND, "time", "from the request's start to the answer"),
    Metric("http_req_failed", MetricType.RATE, description="share of requests that failed"),
    Metric("iterations", MetricType.COUNTER, description="iterations completed"),
    Metric("iteration_duration", MetricType.TREND, "time", "an iteration with its pause"),
    Metric("dropped_iterations", MetricType.COUNTER, description="arrivals that no idle VU took in time"),
    Metric("vus", MetricType.GAUGE, description="VUs with an iteration in flight"),
    Metric("vus_max", MetricType.GAUGE, description="VUs that are up"),
)


def tags(**values: str) -> Tags:
    """Tags from keywords, sorted by name."""
    return tuple(sorted(values.items()))
