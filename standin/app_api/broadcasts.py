"""API-triggered broadcasts: who would get them, and what was triggered."""

from __future__ import annotations

from typing import Any

from standin.app_api.common import call, found, page
from standin.deliveries import Trigger, unix_seconds
from standin.endpoint import Answer, Quota, Request
from standin.filters import check_filter, matches
from standin.json_body import JsonObject, parse_object
from standin.person import Kind, identifier
from standin.responses import NOT_FOUND, Invalid, json_response
from standin.workspace import Workspace


def _trigger(request: Request) -> Answer:
    """Trigger a broadcast. Any id is that of a broadcast."""
    body = parse_object(request.body)
    data = body.get("data")
    if data is not None and not isinstance(data, dict):
        raise Invalid("expected an object", "data")
    reached, unknown = _recipients(body, request.workspace)
    now = unix_seconds()
    trigger = Trigger(
        id=request.workspace.deliveries.next_trigger_id(),
        broadcast_id=request.parameters[0],
        created_at=now,
        processed_at=now,
        recipients=reached,
        data=data or {},
        unknown=unknown,
    )
    return Answer(
        json_response(200, {"id": trigger.id}), lambda workspace: workspace.deliveries.trigger(trigger)
    )


def _recipients(body: JsonObject, workspace: Workspace) -> tuple[int, list[str]]:
    """Return how many people are reached, and the ids and addresses that nobody has.

    Without a list or a filter a broadcast goes to the people whom its own settings name, and the stand-in
    knows none of these. A file of recipients is never fetched.
    """
    people = workspace.people
    if "recipients" in body:
        condition = check_filter(body["recipients"], "recipients")
        return sum(1 for person in people if matches(condition, person)), []
    named = [(kind, value) for kind, value in _named(body) if value]
    unknown = [value for kind, value in named if people.find(identifier(kind, value)) is None]
    ignored = {kind for kind in ("id", "email") if body.get(f"{kind}_ignore_missing") is True}
    reported = [value for kind, value in named if value in unknown and kind not in ignored]
    return len(named) - len(unknown), reported


def _named(body: JsonObject) -> list[tuple[Kind, str]]:
    named: list[tuple[Kind, str]] = []
    named += [("id", text) for text in _texts(body, "ids")]
    named += [("email", text) for text in _texts(body, "emails")]
    for entry in _list(body, "per_user_data"):
        if not isinstance(entry, dict):
            raise Invalid("expected a list of objects", "per_user_data")
        for kind in ("id", "email"):
            if isinstance(entry.get(kind), str):
                named.append((kind, entry[kind]))
    return named


def _texts(body: JsonObject, name: str) -> list[str]:
    entries = _list(body, name)
    if not all(isinstance(entry, str | int) and not isinstance(entry, bool) for entry in entries):
        raise Invalid("expected a list of strings", name)
    return [str(entry) for entry in entries]


def _list(body: JsonObject, name: str) -> list[Any]:
    value = body.get(name)
    if value is not None and not isinstance(value, list):
        raise Invalid("expected a list", name)
    return value or []


def _status(request: Request) -> Answer:
    trigger = request.workspace.deliveries.find_trigger(*request.parameters)
    return found(None if trigger is None else trigger.as_json())


def _errors(request: Request) -> Answer:
    trigger = request.workspace.deliveries.find_trigger(*request.parameters)
    if trigger is None:
        return Answer(NOT_FOUND)
    return page(request, "errors", trigger.unknown, lambda who: {"recipient": who, "reason": "not found"})


def _triggers(request: Request) -> Answer:
    triggers = request.workspace.deliveries.triggers_of(request.parameters[0])
    return Answer(json_response(200, {"triggers": [trigger.as_json() for trigger in triggers]}))


_TRIGGERS = "/campaigns/{broadcast_id}/triggers"

ENDPOINTS = (
    call("trigger_broadcast", "POST", _TRIGGERS, _trigger, (200,), Quota.BROADCAST),
    # Version 4 of the client for Node, and older integrations, write the path like this.
    call("trigger_broadcast_older_path", "POST", f"/api{_TRIGGERS}", _trigger, (200,), Quota.BROADCAST),
    call("get_broadcast_trigger_status", "GET", f"{_TRIGGERS}/{{trigger_id}}", _status),
    call("get_broadcast_trigger_errors", "GET", f"{_TRIGGERS}/{{trigger_id}}/errors", _errors),
    call("get_broadcast_triggers", "GET", "/broadcasts/{broadcast_id}/triggers", _triggers, (200,)),
)
