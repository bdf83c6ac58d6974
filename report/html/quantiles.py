"""Percentiles of several rows together, from the percentiles of each.

A row knows the values at six ranks only. Every value between two known ranks is taken for the upper
one, so what comes out is never below the true percentile, and exact where there is a single row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from report.html.rows import TrendPoints

Weighted = tuple[int, TrendPoints]
"""A row's count of values, and their percentiles."""


def upper_bounds(rows: Sequence[Weighted], percents: Sequence[int]) -> list[float]:
    """For each percent, a value that the nearest-rank percentile of all rows' values does not exceed.

    Raises:
        ValueError: there are no values.
    """
    steps = sorted(step for count, points in rows for step in _steps(count, points))
    total = sum(count for count, _ in rows)
    if total < 1:
        raise ValueError("percentiles need at least one value")
    return [_value_at(steps, max(1, -(-total * percent // 100))) for percent in percents]


def _steps(count: int, points: TrendPoints) -> Iterable[tuple[float, int]]:
    """Pairs of a value and how many of the row's values it stands for."""
    yield points.min, min(count, 1)
    below = 1
    for percent, value in ((50, points.med), (90, points.p90), (95, points.p95), (99, points.p99)):
        rank = -(-count * percent // 100)
        if rank > below:
            yield value, rank - below
            below = rank
    if count > below:
        yield points.max, count - below


def _value_at(steps: Sequence[tuple[float, int]], rank: int) -> float:
    passed = 0
    for value, count in steps:
        passed += count
        if passed >= rank:
            return value
    return steps[-1][0]
