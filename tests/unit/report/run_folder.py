"""A run's folder for tests, of any size and with any mishap."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metrics.csv_output import COLUMNS

Row = Mapping[str, object]


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Nearest rank, as in metrics.csv."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def trend_row(second: int, metric: str, values: Sequence[float], **tags: str) -> Row:
    """A row of a Trend with these values, in milliseconds."""
    ordered = sorted(values)
    names = {"med": 50, "p90": 90, "p95": 95, "p99": 99}
    return {
        "second": second,
        "metric": metric,
        "type": "trend",
        "count": len(values),
        "min": ordered[0],
        "max": ordered[-1],
        **{name: percentile(ordered, percent) for name, percent in names.items()},
        **tags,
    }


def counter_row(second: int, metric: str, value: int, **tags: str) -> Row:
    """A row of a Counter."""
    return {"second": second, "metric": metric, "type": "counter", "count": value, "value": value, **tags}


def second_of(second: int, requests: int, error: str = "", scenario: str = "a") -> list[Row]:
    """What a second with ``requests`` answered requests of one scenario leaves behind."""
    values = [float(number + 1) for number in range(requests)]
    return [
        trend_row(second, "start_lag", [0.5] * requests, scenario=scenario),
        trend_row(second, "identify_duration", values, scenario=scenario, error=error),
        counter_row(second, "http_reqs", requests, scenario=scenario, error=error),
        {"second": second, "metric": "vus", "type": "gauge", "count": 1, "value": 2},
        {"second": second, "metric": "vus_max", "type": "gauge", "count": 1, "value": 4},
    ]


def profile(rate: float = 10, seconds: float = 4, **options: object) -> dict[str, Any]:
    """A profile with one scenario at a steady rate, as it stands in settings.json."""
    scenario = {
        "executor": "ramping-arrival-rate",
        "user": "identify",
        "start_rate": rate,
        "time_unit": 1.0,
        "pre_allocated_vus": 4,
        "max_vus": 4,
        "stages": [{"target": rate, "duration": seconds}],
        "start_time": 0.0,
        "timeout": 5.0,
        **options,
    }
    threshold = {"threshold": {"source": "p(95)<500"}}
    return {"scenarios": {"a": scenario}, "thresholds": {"identify_duration": [threshold]}}


def summary(due: int = 40, **parts: Any) -> dict[str, Any]:
    """The summary of a run in which all went well, with ``parts`` in place of its own."""
    trend = {"count": due, "avg": 2.0, "min": 1.0, "med": 2.0, "max": 9.0, "p(90)": 4.0, "p(95)": 5.0}
    ledger = dict.fromkeys(("dropped", "dropped_late", "lost", "not_yet_due", "interrupted"), 0)
    ledger |= dict.fromkeys(("scheduled", "due", "started", "completed"), due)
    whole: dict[str, Any] = {
        "metrics": {"identify_duration": {**trend, "p(99)": 8.0, "thresholds": {"p(95)<500": False}}},
        "ledger": {"a": ledger},
        "errors_by_kind": {},
        "generator": {"start_lag_p99_ms": 0.9, "cpu_p95_percent": 20.0},
        "verdict": {"kept_schedule": True, "line": "Generator kept the schedule (all calm)"},
        "run": {"id": "r1", "seconds": 4.1, "ended_by": "finished", "thresholds_passed": True},
    }
    return whole | parts


def write_folder(
    folder: Path,
    rows: Sequence[Row] | None = None,
    summary_parts: Mapping[str, Any] | None = None,
    run_profile: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    *,
    is_killed: bool = False,
) -> Path:
    """Write a run's folder: by default one of 40 requests in four seconds that all went well."""
    folder.mkdir(exist_ok=True)
    if rows is None:
        rows = [row for second in range(4) for row in second_of(second, 10)]
    whole = {"run_id": "r1", "target": "http://host.invalid", "profile": run_profile or profile()}
    (folder / "settings.json").write_text(json.dumps(whole | dict(settings or {})), encoding="utf-8")
    with (folder / "metrics.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({"timestamp": 1_800_000_000, **row} for row in rows)
    if not is_killed:
        text = json.dumps(summary(**(summary_parts or {})))
        (folder / "summary.json").write_text(text, encoding="utf-8")
    return folder
