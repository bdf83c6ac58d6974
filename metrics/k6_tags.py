"""How k6 describes and tags each metric, for outputs whose readers were made for k6."""

from __future__ import annotations

from metrics.catalog import Metric, MetricType, Tags

_OF_REQUESTS = frozenset({"expected_response", "method", "name", "proto", "scenario", "status", "error"})
_OF_SCENARIOS = frozenset({"scenario"})
_TAGS = {
    "http_reqs": _OF_REQUESTS,
    "http_req_duration": _OF_REQUESTS,
    "http_req_failed": _OF_REQUESTS,
    "checks": frozenset({"check", "scenario"}),
}


def k6_tags(metric: str, tags: Tags) -> dict[str, str]:
    """Return the tags that k6 would show of a sample: a custom metric has its scenario only."""
    shown = _TAGS.get(metric, _OF_SCENARIOS)
    return {key: value for key, value in tags if key in shown}


def has_url(metric: str) -> bool:
    """Return whether k6 records the URL with this metric's samples."""
    return _TAGS.get(metric) is _OF_REQUESTS


# k6 calls these times; its custom trends, as a script makes them, are "default".
TIME_METRICS = frozenset({"http_req_duration", "iteration_duration", "start_lag"})


def contains(metric: Metric) -> str:
    """Return what k6 says a metric's values are: "time" (milliseconds), or "default"."""
    return "time" if metric.type is MetricType.TREND and metric.name in TIME_METRICS else "default"
