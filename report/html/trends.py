"""The Trends of a whole run: count and percentiles by metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from report.html.quantiles import Weighted, upper_bounds
from report.run_files import RunFiles

STATS = ("min", "med", "p(90)", "p(95)", "p(99)", "max")
"""What the report shows of a Trend."""


@dataclass(frozen=True)
class TrendFigures:
    """How many values a Trend has, and its ``STATS`` in milliseconds."""

    count: int
    stats: Mapping[str, float]


def trends_of(run: RunFiles) -> dict[str, TrendFigures]:
    """All Trends of a run by metric: from its summary, else upper bounds from its rows."""
    if run.summary is not None:
        return {
            name: TrendFigures(one["count"], {stat: one[stat] for stat in STATS})
            for name, one in run.summary["metrics"].items()
            if all(stat in one for stat in STATS) and one.get("count")
        }
    parts: dict[str, list[Weighted]] = defaultdict(list)
    for row in run.rows:
        if row.trend is not None and row.count:
            parts[row.metric].append((row.count, row.trend))
    return {name: _figures(rows) for name, rows in parts.items()}


def latency_metrics(trends: Mapping[str, TrendFigures]) -> list[str]:
    """The Trends that say how long answers took: by kind of request, else of all requests."""
    others = ("http_req_duration", "iteration_duration")
    by_kind = [name for name in trends if name.endswith("_duration") and name not in others]
    return sorted(by_kind) or [name for name in others[:1] if name in trends]


def _figures(rows: list[Weighted]) -> TrendFigures:
    values = upper_bounds(rows, (50, 90, 95, 99, 100))
    least = min(points.min for _, points in rows)
    return TrendFigures(sum(count for count, _ in rows), dict(zip(STATS, (least, *values), strict=True)))
