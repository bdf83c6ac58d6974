"""Segments. Track adds people to them; the App API creates, reads and deletes them."""

from __future__ import annotations

from typing import Any

from standin.app_api.common import call, found, identifiers_of, page
from standin.endpoint import Answer, Request
from standin.json_body import parse_object
from standin.person import Person
from standin.responses import NO_CONTENT, NOT_FOUND, Invalid
from standin.validation import check_text

_FOLDER = ("segments",)


def _create(request: Request) -> Answer:
    segment = parse_object(request.body).get("segment")
    if not isinstance(segment, dict):
        raise Invalid("expected an object", "segment", "required")
    name = check_text(segment, "name", "segment.")
    created = {
        **_plain(request.workspace.documents.new_id(), name),
        "description": segment.get("description"),
    }
    answer = found({"segment": created})
    return answer._replace(
        change=lambda workspace: workspace.documents.put((*_FOLDER, str(created["id"])), created)
    )


def _plain(segment_id: int, name: str) -> dict[str, Any]:
    return {"id": segment_id, "name": name, "type": "manual", "state": "finished", "progress": None}


def _list(request: Request) -> Answer:
    return found({"segments": list(request.workspace.documents.within(_FOLDER))})


def _segment(request: Request) -> dict[str, Any] | None:
    """Return a segment: one that was created, or one that Track put people into."""
    text = request.parameters[0]
    created = request.workspace.documents.find((*_FOLDER, text))
    if created is None and _members(request):
        return _plain(int(text), f"segment {text}")
    return created


def _members(request: Request) -> list[Person]:
    text = request.parameters[0]
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return []
    return [person for person in request.workspace.people if int(text) in (person.segments or ())]


def _read(request: Request) -> Answer:
    segment = _segment(request)
    return found(None if segment is None else {"segment": segment})


def _count(request: Request) -> Answer:
    return found(None if _segment(request) is None else {"count": len(_members(request))})


def _membership(request: Request) -> Answer:
    if _segment(request) is None:
        return Answer(NOT_FOUND)
    return page(request, "identifiers", _members(request), identifiers_of)


def _used_by(request: Request) -> Answer:
    nothing: dict[str, list[int]] = {"campaigns": [], "sent_newsletters": [], "draft_newsletters": []}
    return found(None if _segment(request) is None else {"used_by": nothing})


def _delete(request: Request) -> Answer:
    path = (*_FOLDER, request.parameters[0])
    if request.workspace.documents.find(path) is None:
        return Answer(NOT_FOUND)
    return Answer(NO_CONTENT, lambda workspace: workspace.documents.delete(path))


_SEGMENT = "/segments/{segment_id}"

ENDPOINTS = (
    call("list_segments", "GET", "/segments", _list, (200,)),
    call("create_segment", "POST", "/segments", _create, (200,)),
    call("get_segment", "GET", _SEGMENT, _read),
    call("delete_segment", "DELETE", _SEGMENT, _delete, (204, 404)),
    call("get_segment_customer_count", "GET", f"{_SEGMENT}/customer_count", _count),
    call("get_segment_membership", "GET", f"{_SEGMENT}/membership", _membership),
    call("get_segment_used_by", "GET", f"{_SEGMENT}/used_by", _used_by),
)
