"""Two tabs of ours in Locust's web UI: the schedule as it is kept, and the thresholds, live."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from flask import Response, request
from locust.runners import STATE_CLEANUP, STATE_RUNNING, STATE_STOPPED, STATE_STOPPING
from locust.web import WebUI

from metrics.progress import ScenarioProgress
from metrics.thresholds import ThresholdResult

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


class LiveRun(Protocol):
    """What the tabs show: the run that is open, or the last one."""

    @property
    def is_reported(self) -> bool:
        """Whether no run is open, and the figures of the last one are its final ones."""

    def live_progress(self) -> Sequence[ScenarioProgress]:
        """Each scenario over the last second, or as it ended."""

    def live_thresholds(self) -> Sequence[ThresholdResult]:
        """The thresholds as of now, or as the summary has them."""

    def live_start_lag_ms(self) -> float:
        """The p99 of all start lags so far."""


def add_tabs(web_ui: WebUI, live: LiveRun) -> None:
    """Add the tabs, and their rows to what the page asks for every two seconds."""
    if web_ui.app is None:
        return
    web_ui.template_args["extended_tabs"] = [
        {"title": "Schedule", "key": _SCHEDULE},
        {"title": "Thresholds", "key": _THRESHOLDS},
    ]
    web_ui.template_args["extended_tables"] = [
        {"key": tab, "structure": [{"key": key, "title": title} for key, title in columns.items()]}
        for tab, columns in _COLUMNS.items()
    ]

    def add_rows(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            rows = [
                {"key": _SCHEDULE, "data": _schedule_rows(live)},
                {"key": _THRESHOLDS, "data": _threshold_rows(live)},
            ]
            body = {**response.get_json(), "extended_stats": rows}
            if _is_ending(body["state"], live):
                body["state"] = STATE_RUNNING
            response.set_data(json.dumps(body))
        return response

    web_ui.app.after_request(add_rows)


def _is_ending(state: str, live: LiveRun) -> bool:
    """Whether the run has ended for Locust but has still figures to come, here or from workers.

    The page asks only while the state is one of a run that is going: it would keep showing what it
    got last.
    """
    if state in (STATE_CLEANUP, STATE_STOPPING):
        return True
    return state == STATE_STOPPED and not live.is_reported


def _schedule_rows(live: LiveRun) -> list[dict[str, Any]]:
    lag = f"{live.live_start_lag_ms():.1f}"
    return [
        {
            "name": one.name,
            "time": one.time,
            "scheduled": f"{one.scheduled_rate:.1f}",
            "actual": f"{one.actual_rate:.0f}",
            "started": one.started,
            "dropped": one.dropped,
            "failed": one.failed,
            "vus": f"{one.vus_busy} of {one.vus}",
            "lag": lag,
        }
        for one in live.live_progress()
    ]


def _threshold_rows(live: LiveRun) -> list[dict[str, Any]]:
    return [
        {
            "name": one.selector,
            "threshold": one.source,
            "value": f"{one.value:.4g}",
            "result": "passes" if one.passed else "FAILS",
        }
        for one in live.live_thresholds()
    ]
