"""Two tabs of ours in Locust's web UI: the schedule as it is kept, and the thresholds, live."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from flask import Response, request
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
        "vus": "VUs busy",
        "dropped": "Dropped",
        "failed": "Errors",
        "lag": "Start lag p99 (ms)",
    },
    _THRESHOLDS: {"name": "Metric", "threshold": "Threshold", "value": "Value", "result": "Result"},
}


class LiveRun(Protocol):
    """What the tabs show: the run that is open, or the last one."""

    def live_progress(self) -> Sequence[ScenarioProgress]:
        """Each scenario over the last second."""

    def live_thresholds(self) -> Sequence[ThresholdResult]:
        """The thresholds as of now."""

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
            response.set_data(json.dumps(body))
        return response

    web_ui.app.after_request(add_rows)


def _schedule_rows(live: LiveRun) -> list[dict[str, Any]]:
    lag = f"{live.live_start_lag_ms():.1f}"
    return [
        {
            "name": one.name,
            "time": one.time,
            "scheduled": f"{one.scheduled_rate:.1f}",
            "actual": f"{one.actual_rate:.0f}",
            "vus": f"{one.vus_busy} of {one.vus}",
            "dropped": one.dropped,
            "failed": one.failed,
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
