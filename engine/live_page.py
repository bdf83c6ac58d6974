"""What the load test adds to the page: live charts, how the thresholds went, the verdict and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Response, jsonify, request, send_file
from locust.web import WebUI

from config.profile_names import profile_names
from engine.locust_internals.web_ui import add_to_page, offer_profiles
from engine.shown_run import ShownRun
from metrics.thresholds import ThresholdOutcome
from report.run_report import RunReport

_FILES = Path(__file__).parent / "page"
_MARKUP = (
    '<link rel="stylesheet" href="./load-test/page.css"><script src="./load-test/page.js" defer></script>'
)
_TYPES = {"page.css": "text/css", "page.js": "text/javascript"}
_LETTERS = {
    ThresholdOutcome.PASSED: "p",
    ThresholdOutcome.FAILED: "f",
    ThresholdOutcome.NO_SAMPLES: "n",
}


def add_live_page(web_ui: WebUI, shown: ShownRun, base_path: str) -> None:
    """Add the charts of ``shown`` to Locust's page, and the profiles to its form.

    Args:
        web_ui: Locust's.
        shown: the run to show.
        base_path: of ``--web-base-path``; empty without.
    """
    if web_ui.app is None:
        return
    offer_profiles(web_ui, profile_names())
    add_to_page(web_ui, _MARKUP)

    def live() -> Response:
        since = request.args.get("since", 0, type=int) if request.args.get("run") == shown.run_id else 0
        return jsonify(_figures(shown, since))

    def page_file(name: str) -> Response:
        return send_file(_FILES / name, mimetype=_TYPES[name]) if name in _TYPES else _missing()

    def last_report() -> Response:
        path = shown.report.folder / "report.html" if shown.report is not None else None
        return send_file(path.resolve()) if path is not None and path.exists() else _missing()

    for path, view in (
        ("live", live), ("report", last_report), ("<any('page.css', 'page.js'):name>", page_file),
    ):  # fmt: skip
        rule = f"{base_path.rstrip('/')}/load-test/{path}"
        web_ui.app.add_url_rule(rule, f"load_test_{view.__name__}", web_ui.auth_required_if_enabled(view))


def _missing() -> Response:
    return Response("there is no such file", status=404, mimetype="text/plain")


def _figures(shown: ShownRun, since: int) -> dict[str, Any]:
    """Return what the page draws: of the seconds only those after the first ``since``."""
    seconds = shown.live.seconds if shown.live is not None else []
    since = min(max(0, since), len(seconds))
    return {
        "run": shown.run_id,
        "since": since,
        "seconds": [second.to_row() for second in seconds[since:]],
        "thresholds": [
            {
                "metric": threshold.selector,
                "source": threshold.source,
                "value": "" if threshold.has_no_samples else threshold.value_text,
                "result": threshold.outcome.value,
                "history": "".join(_LETTERS[outcome] for outcome in shown.outcomes(threshold)),
            }
            for threshold in shown.thresholds()
        ],
        "report": _outcome(shown.report) if shown.report is not None else None,
    }


def _outcome(report: RunReport) -> dict[str, str]:
    """Return the end of a run in a word and a line."""
    if report.is_broken:
        kind, word = "bad", "Broken"
    elif not report.passed:
        kind, word = "bad", "Thresholds failed"
    elif not report.verdict.kept_schedule:
        kind, word = "doubt", "Passed, in doubt"
    else:
        kind, word = "good", "Passed"
    ended = "" if report.ended_by == "finished" else f" ({report.ended_by})"
    return {"kind": kind, "word": word, "line": f"{report.verdict.line}{ended}"}
