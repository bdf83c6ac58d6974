"""The workers of a run, and the arrivals that were lost with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WorkerFigures:
    """What one worker did; start lag in milliseconds, CPU in percent of one core."""

    name: str
    started: int
    dropped: int
    lost: int
    start_lag_p99_ms: float
    cpu_p95_percent: float
    reports_missing: int
    state: str


@dataclass(frozen=True)
class LostPart:
    """Arrivals lost in an interval, in seconds of the run; ``worker`` is -1 where there was none."""

    worker: int
    scenario: str
    since: float
    until: float
    lost: int
    maybe_sent: int


def workers_of(summary: Mapping[str, Any]) -> list[WorkerFigures]:
    """The workers in a summary; none for a run in one process.

    Raises:
        KeyError, TypeError, ValueError: the summary is damaged.
    """
    return [
        WorkerFigures(
            name=str(one["name"]),
            started=int(one["started"]),
            dropped=int(one["dropped"]),
            lost=int(one["lost"]),
            start_lag_p99_ms=float(one["generator"]["start_lag_p99_ms"]),
            cpu_p95_percent=float(one["generator"]["cpu_p95_percent"]),
            reports_missing=int(one["reports_missing"]),
            state=str(one["state"]),
        )
        for one in summary.get("workers", ())
    ]


def lost_parts_of(summary: Mapping[str, Any]) -> list[LostPart]:
    """The lost arrivals in a summary.

    Raises:
        KeyError, TypeError, ValueError: the summary is damaged.
    """
    return [
        LostPart(
            worker=int(one["worker"]),
            scenario=str(one["scenario"]),
            since=float(one["since"]),
            until=float(one["until"]),
            lost=int(one["lost"]),
            maybe_sent=int(one["maybe_sent"]),
        )
        for one in summary.get("lost", ())
    ]
