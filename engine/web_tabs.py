"""Two tabs in Locust's web UI that show a run live: its schedule and its thresholds."""

from __future__ import annotations

from typing import Any

from locust.runners import STATE_CLEANUP, STATE_RUNNING, STATE_STOPPED, STATE_STOPPING
from locust.web import WebUI

from engine.locust_internals.web_ui import add_live_tables
from engine.shown_run import ShownRun
from metrics.thresholds import ThresholdOutcome

_SCHEDULE = "schedule"
_THRESHOLDS = "thresholds"
_COLUMNS = {
    _SCHEDULE: {
        "name": "Scenario",
        "time": "Time",
        "scheduled": "Schedule (arrivals/s)",
        "actual": "Rate (started/s)",
        "started": "Started",
        "dropped": "Dropped",
        "failed": "Errors",
        "vus": "VUs busy",
        "lag": "Start lag p99, overall (ms)",
    },
    _THRESHOLDS: {"name": "Metric", "threshold": "Threshold", "value": "Value", "result": "Result"},
}


_RESULTS = {
    ThresholdOutcome.PASSED: "passes",
    ThresholdOutcome.FAILED: "FAILS",
    ThresholdOutcome.NO_SAMPLES: "no samples",
}


def add_tabs(web_ui: WebUI, shown: ShownRun) -> None:
    """Add the tabs. They always show the current figures of ``shown``."""
    add_live_tables(
        web_ui,
        tabs=[
            {"title": "Schedule", "key": _SCHEDULE},
            {"title": "Thresholds", "key": _THRESHOLDS},
        ],
        tables=[
            {"key": tab, "structure": [{"key": key, "title": title} for key, title in columns.items()]}
            for tab, columns in _COLUMNS.items()
        ],
        rows=lambda: [
            {"key": _SCHEDULE, "data": _schedule_rows(shown)},
            {"key": _THRESHOLDS, "data": _threshold_rows(shown)},
        ],
        state=lambda state: STATE_RUNNING if _is_ending(state, shown) else state,
    )


def _is_ending(state: str, shown: ShownRun) -> bool:
    """Return whether Locust has ended the run while its final figures are still to come.

    The page refreshes only in the states of a run that is going. In any other state it would go on showing
    the figures before the final ones.
    """
    if state in (STATE_CLEANUP, STATE_STOPPING):
        return True
    return state == STATE_STOPPED and not shown.is_final


def _schedule_rows(shown: ShownRun) -> list[dict[str, Any]]:
    lag = f"{shown.start_lag_ms():.1f}"
    return [
        {
            "name": scenario.name,
            "time": scenario.time,
            "scheduled": f"{scenario.scheduled_rate:.1f}",
            "actual": f"{scenario.actual_rate:.0f}",
            "started": scenario.started,
            "dropped": scenario.dropped,
            "failed": scenario.failed,
            "vus": f"{scenario.vus_busy} of {scenario.vus}",
            "lag": lag,
        }
        for scenario in shown.progress
    ]


def _threshold_rows(shown: ShownRun) -> list[dict[str, Any]]:
    return [
        {
            "name": threshold.selector,
            "threshold": threshold.source,
            "value": threshold.value_text,
            "result": _RESULTS[threshold.outcome],
        }
        for threshold in shown.thresholds()
    ]
