"""Transactional sends. Nothing is sent: what was asked for is kept as a delivery."""

from __future__ import annotations

from typing import Any

from standin.app_api.common import call, named_person
from standin.deliveries import Delivery, unix_seconds
from standin.endpoint import Answer, Endpoint, Quota, Request
from standin.json_body import JsonObject, parse_object
from standin.responses import Invalid, json_response

# What a send needs besides the person: a template, or for e-mail all of these.
_INLINE_EMAIL = ("body", "subject", "from")
_NEEDS_A_RECIPIENT = frozenset({"email"})
_OBJECTS = ("message_data", "attachments", "custom_data", "custom_payload", "custom_device")
_TEXTS = (
    *("from", "reply_to", "cc", "bcc", "preheader", "body", "body_plain", "plaintext_body", "body_amp"),
    *("title", "message", "image_url", "link", "language"),
)
_SWITCHES = (
    *("disable_message_retention", "send_to_unsubscribed", "queue_draft", "auto_create"),
    *("fake_bcc", "disable_css_preprocessing", "tracked"),
)


def _send(request: Request) -> Answer:
    """Accept a send. The last part of the path is the type of message."""
    kind = request.endpoint.segments[-1]
    message = parse_object(request.body)
    template = _template(message, kind)
    recipient = _text(message, "to")
    if recipient is None and kind in _NEEDS_A_RECIPIENT:
        raise Invalid("expected an address", "to", "required")
    who = named_person(message.get("identifiers"))
    if who is None:
        raise Invalid("expected an object with an id, email or cio_id", "identifiers", "required")
    _check_options(message)
    send_at = message.get("send_at")
    if send_at is not None and (not isinstance(send_at, int) or isinstance(send_at, bool) or send_at < 0):
        raise Invalid("expected whole Unix seconds", "send_at")

    person = request.workspace.people.find(who)
    delivery = Delivery(
        id=request.workspace.deliveries.new_id(),
        type=kind,
        created=unix_seconds(),
        identifiers={who.kind: who.value},
        recipient=recipient,
        transactional_message_id=template,
        subject=_text(message, "subject"),
        cio_id=None if person is None else person.cio_id,
        body=None if message.get("disable_message_retention") is True else message,
    )
    return Answer(
        json_response(200, {"delivery_id": delivery.id, "queued_at": delivery.created}),
        lambda workspace: workspace.deliveries.add(delivery),
    )


def _template(message: JsonObject, kind: str) -> str | None:
    """Return the id of the transactional message; an e-mail may bring its own content instead."""
    template = message.get("transactional_message_id")
    if isinstance(template, int) and not isinstance(template, bool) and 0 <= template < 10**18:
        return str(template)
    if isinstance(template, str) and template:
        return template
    if template is None and kind == "email" and all(_text(message, name) for name in _INLINE_EMAIL):
        return None
    raise Invalid("expected a number or a name", "transactional_message_id", "required")


def _check_options(message: JsonObject) -> None:
    """Check the types of the optional fields. ``null`` is the same as none."""
    for name in _OBJECTS:
        if not isinstance(message.get(name) or {}, dict):
            raise Invalid("expected an object", name)
    # Customer.io describes the headers of an e-mail as JSON in a string, and its clients send an object.
    if not isinstance(message.get("headers") or {}, dict | str):
        raise Invalid("expected an object, or JSON in a string", "headers")
    for name in _TEXTS:
        _text(message, name)
    for name in _SWITCHES:
        if not isinstance(message.get(name), bool | None):
            raise Invalid("expected true or false", name)


def _text(message: dict[str, Any], name: str) -> str | None:
    value = message.get(name)
    if value is not None and not isinstance(value, str):
        raise Invalid("expected a string", name)
    return value or None


ENDPOINTS: tuple[Endpoint, ...] = tuple(
    call(f"send_{kind}", "POST", f"/send/{kind}", _send, (200,), Quota.TRANSACTIONAL)
    for kind in ("email", "push", "sms", "whatsapp", "inbox_message", "in_app")
)
