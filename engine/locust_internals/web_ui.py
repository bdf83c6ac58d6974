"""Locust's page: its form, its tables, its log."""

from __future__ import annotations

import json
import logging
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Response, jsonify, make_response, request
from locust.web import WebUI

from config.shown import shown

_MOST_FORM_BYTES = 100_000


def answer_start_requests(web_ui: WebUI, problem_with: Callable[[Mapping[str, str]], str | None]) -> None:
    """Refuse a start from the web UI that has a problem, before Locust acts on it; refuse changes of users.

    Locust lets its page set any attribute of a user class. A class here stands for a scenario of the profile.

    Args:
        web_ui: Locust's.
        problem_with: returns the problem with a form in one line, or ``None``.
    """
    if web_ui.app is None:
        return

    def refuse() -> Response | None:
        if request.method != "POST" or not request.path.endswith(("/swarm", "/user")):
            return None
        if request.path.endswith("/user"):
            message = "users cannot be changed here; expected their options in the profile"
            return make_response(jsonify({"success": False, "message": message}), 403)
        host = str(web_ui.environment.host or "")
        problem = _wrong_number(web_ui.environment.parsed_options, request.form) or problem_with(request.form)
        return jsonify({"success": False, "message": problem, "host": host}) if problem else None

    web_ui.app.config["MAX_CONTENT_LENGTH"] = _MOST_FORM_BYTES
    web_ui.app.before_request(refuse)


def _wrong_number(options: Namespace | None, form: Mapping[str, str]) -> str | None:
    """Return why Locust could not take a value of a form, or ``None``: it keeps the type of an option."""
    for name, text in form.items():
        value = getattr(options, name, None)
        # Locust takes a list without entries for one of numbers.
        is_numbers = isinstance(value, list) and all(isinstance(entry, int) for entry in value)
        try:
            if is_numbers:
                _ = [int(entry) for entry in text.split(",")]
            elif isinstance(value, int | float) and not isinstance(value, bool):
                _ = type(value)(text)
        except (ValueError, OverflowError):
            return f"{name}: expected a number, got {shown(text)}"
    return None


def add_live_tables(
    web_ui: WebUI,
    tabs: Sequence[dict[str, Any]],
    tables: Sequence[dict[str, Any]],
    rows: Callable[[], list[dict[str, Any]]],
    state: Callable[[str], str],
) -> None:
    """Add tabs to Locust's page, each with a table that the page refreshes every two seconds.

    Args:
        web_ui: Locust's.
        tabs: title and key of each tab.
        tables: key and columns of each table.
        rows: returns the current rows of all tables.
        state: returns the state to show for the runner's state. The page refreshes only while a run is going.
    """
    if web_ui.app is None:
        return
    web_ui.template_args["extended_tabs"] = list(tabs)
    web_ui.template_args["extended_tables"] = list(tables)

    def add_rows(response: Response) -> Response:
        if request.path.endswith("/stats/requests") and response.is_json:
            body = {**response.get_json(), "extended_stats": rows()}
            body["state"] = state(body["state"])
            response.set_data(json.dumps(body))
        return response

    web_ui.app.after_request(add_rows)


def offer_profiles(web_ui: WebUI, names: Sequence[str]) -> None:
    """Let the form's field *Profile* offer these names. Others can still be typed."""
    web_ui.template_args["all_profiles"] = list(names)


def add_to_page(web_ui: WebUI, markup: str) -> None:
    """Add markup to the end of Locust's page."""
    if web_ui.app is None:
        return

    def add(response: Response) -> Response:
        if response.mimetype == "text/html" and request.endpoint == "locust.index":
            response.set_data(response.get_data(as_text=True).replace("</body>", f"{markup}</body>"))
        return response

    web_ui.app.after_request(add)


def add_page_log(line: str) -> None:
    """Show a line in the tab *Logs* of Locust's page, as if it had been logged."""
    for handler in logging.getLogger().handlers:
        if handler.name == "log_reader":
            handler.handle(logging.LogRecord("load-test", logging.INFO, "", 0, "%s", (line,), None))
