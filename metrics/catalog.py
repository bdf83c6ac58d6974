"""The metrics a run records, under k6's names where k6 has them."""

from __future__ import annotations

from collections.abc import Iterable
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


_OF_CHECKS = (Metric("checks", MetricType.RATE), Metric("errors", MetricType.RATE))
_OF_QUEUES = (
    Metric("produce_duration", MetricType.TREND),
    Metric("delivery_duration", MetricType.TREND),
    Metric("produced_messages", MetricType.COUNTER),
)
_OF_EVERY_RUN = (
    Metric("start_lag", MetricType.TREND),
    Metric("http_reqs", MetricType.COUNTER),
    Metric("http_req_duration", MetricType.TREND),
    Metric("http_req_failed", MetricType.RATE),
    Metric("http_reqs_resent", MetricType.COUNTER),
    Metric("iterations", MetricType.COUNTER),
    Metric("iteration_duration", MetricType.TREND),
    Metric("dropped_iterations", MetricType.COUNTER),
    Metric("vus", MetricType.GAUGE),
    Metric("vus_max", MetricType.GAUGE),
    Metric("queue_backlog", MetricType.GAUGE),
    Metric("queue_oldest_age", MetricType.GAUGE),
    Metric("queue_replicas", MetricType.GAUGE),
)


def catalog_of(kinds: Iterable[str]) -> dict[str, Metric]:
    """Return all metrics of a run, with those of its kinds of user.

    A kind records ``<kind>_duration``, from the request's start, and ``<kind>_duration_from_arrival``, from
    the instant at which the iteration was due.
    """
    kinds = list(kinds)
    of_kinds = [
        Metric(f"{kind}_duration{since}", MetricType.TREND)
        for since in ("", "_from_arrival")
        for kind in kinds
    ]
    # In the order in which a summary shows them.
    return {metric.name: metric for metric in (*_OF_CHECKS, *of_kinds, *_OF_QUEUES, *_OF_EVERY_RUN)}


CATALOG = catalog_of(("identify", "track"))
"""The metrics of a run of the kinds that k6's script has."""


def tags(**values: str) -> Tags:
    """Return tags from keywords, sorted by name."""
    return tuple(sorted(values.items()))
