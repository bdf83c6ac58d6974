"""Transactional messages, the templates of sends: each id that was sent with has one."""

from __future__ import annotations

from collections import Counter
from typing import Any

from standin.app_api.common import call, found
from standin.app_api.content import read, upsert
from standin.app_api.messages import deliveries_page
from standin.endpoint import Answer, Request

_MESSAGE = "/transactional/{transactional_id}"


def _shown(transactional_id: str) -> dict[str, Any]:
    return {"id": transactional_id, "name": f"transactional message {transactional_id}"}


def _list(request: Request) -> Answer:
    return found({"messages": [_shown(sent) for sent in request.workspace.deliveries.transactional_ids()]})


def _read(request: Request) -> Answer:
    wanted = request.parameters[0]
    known = wanted in request.workspace.deliveries.transactional_ids()
    return found({"message": _shown(wanted)} if known else None)


def _contents(request: Request) -> Answer:
    path = ("transactional", request.parameters[0], "content")
    return found({"contents": list(request.workspace.documents.within(path))})


def _deliveries(request: Request) -> Answer:
    wanted = request.parameters[0]
    return deliveries_page(request, lambda delivery: delivery.transactional_message_id == wanted)


def _metrics(request: Request) -> Answer:
    wanted = request.parameters[0]
    sent = Counter(
        delivery.type
        for delivery in request.workspace.deliveries.latest()
        if delivery.transactional_message_id == wanted
    )
    return found({"metric": {"series": {"created": [sent.total()], "sent": [sent.total()]}}})


def _links(request: Request) -> Answer:
    return found({"links": []})


ENDPOINTS = (
    call("list_transactional_messages", "GET", "/transactional", _list, (200,)),
    call("get_transactional_message", "GET", _MESSAGE, _read),
    call("get_transactional_message_contents", "GET", f"{_MESSAGE}/contents", _contents, (200,)),
    call("get_transactional_message_deliveries", "GET", f"{_MESSAGE}/messages", _deliveries, (200,)),
    call("get_transactional_message_metrics", "GET", f"{_MESSAGE}/metrics", _metrics, (200,)),
    call("get_transactional_message_link_metrics", "GET", f"{_MESSAGE}/metrics/links", _links, (200,)),
    read("get_transactional_message_language", f"{_MESSAGE}/language/{{language}}", "content"),
    upsert("update_transactional_message_language", f"{_MESSAGE}/language/{{language}}", "content"),
    upsert("update_transactional_message_content", f"{_MESSAGE}/content/{{content_id}}", "content"),
)
