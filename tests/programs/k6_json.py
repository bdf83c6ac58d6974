"""k6's JSON lines, read as its users read them."""

from __future__ import annotations

from typing import Any

import pytest


def points(lines: list[dict[str, Any]], metric: str) -> list[dict[str, Any]]:
    """Return the points of a metric, in their order."""
    return [line["data"] for line in lines if line["type"] == "Point" and line["metric"] == metric]


def assert_is_k6_json(lines: list[dict[str, Any]], summary: dict[str, Any]) -> None:
    """Assert that each metric is described before its first point, and that no sample is missing."""
    described = set()
    for line in lines:
        if line["type"] == "Metric":
            assert line["metric"] not in described
            described.add(line["metric"])
        assert line["metric"] in described
    metrics = summary["metrics"]
    for name in ("http_reqs", "iterations"):
        assert sum(line["value"] for line in points(lines, name)) == metrics[name]["count"]
    for name in ("identify_duration", "track_duration", "http_req_duration", "start_lag"):
        values = [line["value"] for line in points(lines, name)]
        assert len(values) == metrics[name]["count"]
        assert (min(values), max(values)) == pytest.approx((metrics[name]["min"], metrics[name]["max"]))
    for name in ("errors", "checks"):
        assert len(points(lines, name)) == metrics[name]["passes"] + metrics[name]["fails"]
