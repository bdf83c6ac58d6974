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
    """A metric's name and type; a Trend is in milliseconds. ``docs/results.md`` says what each tells."""

    name: str
    type: MetricType


def _catalog(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


CATALOG = _catalog(
    Metric("checks", MetricType.RATE),
    Metric("errors", MetricType.RATE),
    Metric("identify_duration", MetricType.TREND),
    Metric("track_duration", MetricType.TREND),
    Metric("identify_duration_from_arrival", MetricType.TREND),
    Metric("track_duration_from_arrival", MetricType.TREND),
    Metric("start_lag", MetricType.TREND),
    Metric("http_reqs", MetricType.COUNTER),
    Metric("http_req_duration", MetricType.TREND),
    Metric("http_req_failed", MetricType.RATE),
    Metric("iterations", MetricType.COUNTER),
    Metric("iteration_duration", MetricType.TREND),
    Metric("dropped_iterations", MetricType.COUNTER),
    Metric("vus", MetricType.GAUGE),
    Metric("vus_max", MetricType.GAUGE),
    Metric("queue_backlog", MetricType.GAUGE),
)


def tags(**values: str) -> Tags:
    """Tags from keywords, sorted by name."""
    return tuple(sorted(values.items()))
