"""The handlers of Track v1. Each checks its request and returns the response and the change to make.

They follow Customer.io's published description of the Track API.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from standin.asgi import header
from standin.endpoint import Answer, Request
from standin.json_body import Json, JsonObject, parse_object
from standin.person import Identifier, Kind, identifier
from standin.relationships import relate_as_instructed
from standin.responses import NO_CONTENT, OK, Invalid, json_response
from standin.validation import (
    INSTRUCTIONS,
    check_anonymous_id,
    check_device,
    check_event,
    check_event_id,
    check_identifier_value,
    check_identifiers,
    check_one_of,
    check_path_identifier,
    check_person_attributes,
    check_text,
    check_timestamp,
)
from standin.workspace import Workspace

ENVIRONMENT_ID = 1

_SEGMENT_MEMBERS_PER_CALL = 1000
# The description's format of a segment id is int32.
_LARGEST_SEGMENT_ID = 2**31 - 1
_V1_KINDS: tuple[Kind, ...] = ("id", "email", "cio_id")
_RESERVED_FORM_FIELDS = frozenset({"form_id", "form_name", "form_type", "form_url", "form_url_param"})
_NULLABLE_FORM_FIELDS = frozenset({"id", "email"})
_METRICS = frozenset(
    {"bounced", "clicked", "converted", "deferred", "delivered", "dropped", "opened", "spammed"}
)
_PUSH_METRICS = frozenset({"opened", "converted", "delivered"})


def identify(request: Request) -> Answer:
    who = check_path_identifier(request.parameters[0])
    body = parse_object(request.body)
    check_person_attributes(body)
    return Answer(OK, lambda workspace: identify_person(workspace, who, body))


def identify_person(workspace: Workspace, who: Identifier, body: JsonObject) -> None:
    """Identify a person with the attributes in ``body`` that are not instructions."""
    if INSTRUCTIONS.isdisjoint(body):
        workspace.people.identify(who, body)
        return
    attributes = {name: value for name, value in body.items() if name not in INSTRUCTIONS}
    workspace.people.identify(who, attributes, body.get("_update", False))
    if body.get("cio_relationships") and workspace.people.find(who) is not None:
        relate_as_instructed(workspace, who, body["cio_relationships"])


def track(request: Request) -> Answer:
    who = check_path_identifier(request.parameters[0])
    event = parse_object(request.body)
    name = check_event(event, len(request.body))
    event_id = check_event_id(event)
    return Answer(OK, lambda workspace: workspace.people.record_event(who, name, event_id, event.get("data")))


def track_anonymous(request: Request) -> Answer:
    event = parse_object(request.body)
    name = check_event(event, len(request.body))
    who, event_id = check_anonymous_id(event), check_event_id(event)
    return Answer(
        OK, lambda workspace: workspace.people.record_anonymous_event(name, who, event_id, event.get("data"))
    )


def delete(request: Request) -> Answer:
    who = check_path_identifier(request.parameters[0])
    return Answer(OK, lambda workspace: workspace.people.delete(who))


def suppress(request: Request) -> Answer:
    who = check_path_identifier(request.parameters[0])
    return Answer(OK, lambda workspace: workspace.people.suppress(who))


def unsuppress(request: Request) -> Answer:
    who = check_path_identifier(request.parameters[0])
    return Answer(OK, lambda workspace: workspace.people.unsuppress(who))


def add_device(request: Request) -> Answer:
    who = check_path_identifier(request.parameters[0])
    device_id, platform = check_device(parse_object(request.body).get("device"), "id")
    return Answer(OK, lambda workspace: workspace.people.add_device(who, device_id, platform))


def delete_device(request: Request) -> Answer:
    who, device_id = check_path_identifier(request.parameters[0]), request.parameters[1]
    return Answer(OK, lambda workspace: workspace.people.delete_device(who, device_id))


def merge(request: Request) -> Answer:
    body = parse_object(request.body)
    primary = check_identifiers(body.get("primary"), "primary", _V1_KINDS)
    secondary = check_identifiers(body.get("secondary"), "secondary", _V1_KINDS)
    return Answer(OK, lambda workspace: workspace.people.merge(primary, secondary))


def add_to_segment(request: Request) -> Answer:
    segment_id, members = _segment_and_members(request)
    return Answer(OK, lambda workspace: workspace.people.add_to_segment(segment_id, members))


def remove_from_segment(request: Request) -> Answer:
    segment_id, members = _segment_and_members(request)
    return Answer(OK, lambda workspace: workspace.people.remove_from_segment(segment_id, members))


def _segment_and_members(request: Request) -> tuple[int, list[Identifier]]:
    text = request.parameters[0]
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _LARGEST_SEGMENT_ID):
        raise Invalid(f"expected a whole number up to {_LARGEST_SEGMENT_ID}", "segment_id")
    kind = parse_qs(request.query.decode("latin-1")).get("id_type", ["id"])[-1]
    if kind not in _V1_KINDS:
        raise Invalid(f"expected one of {', '.join(_V1_KINDS)}", "id_type")
    ids = parse_object(request.body).get("ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= _SEGMENT_MEMBERS_PER_CALL:
        raise Invalid(f"expected 1 to {_SEGMENT_MEMBERS_PER_CALL} ids", "ids")
    return int(text), [_member(kind, value) for value in ids if not _is_of_another_kind(kind, value)]


def _is_of_another_kind(kind: Kind, value: Json) -> bool:
    """Whether a member is to be ignored, because its shape is not that of ``id_type``."""
    return kind == "email" and isinstance(value, str) and "@" not in value


def _member(kind: Kind, value: Json) -> Identifier:
    return identifier(kind, check_identifier_value(value, kind, "ids"))


def submit_form(request: Request) -> Answer:
    data = parse_object(request.body).get("data")
    if not isinstance(data, dict):
        raise Invalid("expected an object", "data", "required")
    fields: dict[str, Json] = {}
    for name, value in data.items():
        if value is None and name in _NULLABLE_FORM_FIELDS:
            # An identifier that is described as "string or null": null is the same as no field.
            continue
        if not isinstance(value, str):
            raise Invalid("expected a string", f"data.{name}")
        if name not in _RESERVED_FORM_FIELDS:
            fields[name] = value
    check_person_attributes(fields, "data.")
    if fields.get("id"):
        who = identifier("id", fields["id"])
    elif fields.get("email"):
        who = identifier("email", fields["email"])
    else:
        raise Invalid("expected an id or an email", "data", "required")
    return Answer(NO_CONTENT, lambda workspace: workspace.people.identify(who, fields))


def metrics(request: Request) -> Answer:
    body = parse_object(request.body)
    check_text(body, "delivery_id")
    check_one_of(body, "metric", _METRICS)
    check_timestamp(body, "timestamp")
    return Answer(OK)


def push_metrics(request: Request) -> Answer:
    body = parse_object(request.body)
    # The description requires none of these fields.
    for name in ("delivery_id", "device_id"):
        if name in body:
            check_text(body, name)
    if "event" in body:
        check_one_of(body, "event", _PUSH_METRICS)
    check_timestamp(body, "timestamp")
    return Answer(OK)


def unsubscribe(request: Request) -> Answer:
    media_type = header(request.scope, b"content-type").partition(b";")[0].strip().lower()
    if media_type != b"application/json":
        raise Invalid("expected application/json", "content-type")
    if not isinstance(parse_object(request.body).get("unsubscribe", True), bool):
        raise Invalid("expected true or false", "unsubscribe")
    return Answer(OK)


def region(request: Request) -> Answer:
    """Answer with the stand-in's own address, so that a client that follows it does not reach a real host."""
    scheme = request.scope["scheme"]
    host = header(request.scope, b"host").decode("latin-1")
    return Answer(
        json_response(200, {"url": f"{scheme}://{host}", "region": "us", "environment_id": ENVIRONMENT_ID})
    )
