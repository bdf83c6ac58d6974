"""The bodies of the App API. A call that is not here takes any JSON object."""

from __future__ import annotations

from standin.schemas.parts import (
    ANY_OBJECT,
    SWITCH,
    UNIX_SECONDS,
    Schema,
    exactly_one,
    list_of,
    object_of,
    one_of,
    text,
)

_ATTRIBUTE_FILTER = object_of(
    ("field", "operator"), field=text(), operator=one_of("eq", "exists"), value=text()
)
_LEAF = exactly_one(
    attribute=_ATTRIBUTE_FILTER,
    segment=object_of(("id",), id={"type": "integer", "minimum": 1, "maximum": 2**31 - 1}),
)
_FILTER: Schema = {
    "anyOf": [
        _LEAF,
        exactly_one(**{"and": list_of(_LEAF), "or": list_of(_LEAF), "not": _LEAF}),
    ]
}


def _send(*required: str) -> Schema:
    return object_of(
        ("transactional_message_id", "identifiers", *required),
        transactional_message_id={"anyOf": [{"type": "integer", "minimum": 1, "maximum": 2**31 - 1}, text()]},
        identifiers=exactly_one(id=text(), email=text(), cio_id=text()),
        to=text(),
        message_data=ANY_OBJECT,
        subject=text(),
        send_at=UNIX_SECONDS,
        disable_message_retention=SWITCH,
        send_to_unsubscribed=SWITCH,
        queue_draft=SWITCH,
        headers={"anyOf": [ANY_OBJECT, text()]},
        **{name: text() for name in ("from", "reply_to", "bcc", "body", "title", "message")},
        attachments=ANY_OBJECT,
        custom_data=ANY_OBJECT,
    )


_TRIGGER = object_of(
    data=ANY_OBJECT,
    recipients=_FILTER,
    ids=list_of(text()),
    emails=list_of(text()),
    per_user_data=list_of(object_of(id=text(), email=text(), data=ANY_OBJECT)),
    data_file_url=text(),
    id_ignore_missing=SWITCH,
    email_ignore_missing=SWITCH,
    email_add_duplicates=SWITCH,
)
_NAMED = object_of(("name",), name=text())
_LANGUAGE = object_of(("language",), language=text())
BODIES: dict[str, Schema] = {
    "send_email": _send("to"),
    **{f"send_{kind}": _send() for kind in ("push", "sms", "whatsapp", "inbox_message", "in_app")},
    "trigger_broadcast": _TRIGGER,
    "trigger_broadcast_older_path": _TRIGGER,
    "search_customers": object_of(("filter",), filter=_FILTER),
    "get_customers_attributes": object_of(("ids",), ids=list_of(text(), 1, 100)),
    "find_objects": object_of(("object_type_id", "filter"), object_type_id=text(), filter=_FILTER),
    "create_segment": object_of(("segment",), segment=object_of(("name",), name=text(), description=text())),
    "create_customers_export": object_of(("filters",), filters=_FILTER),
    "create_deliveries_export": object_of(
        ("newsletter_id",), newsletter_id={"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
    ),
    "create_import": object_of(
        ("import",),
        **{
            "import": object_of(
                ("data_file_url", "type"),
                data_file_url=text(),
                type=one_of("people", "event", "object", "relationship"),
                name=text(),
            )
        },
    ),
    **{
        f"{verb}_snippet": object_of(("name", "value"), name=text(), value=text())
        for verb in ("create", "update")
    },
    "update_collection_content": list_of(ANY_OBJECT),
    "create_newsletter_language": _LANGUAGE,
    "create_newsletter_test_group_language": _LANGUAGE,
    "create_design_studio_email_language": _LANGUAGE,
    **{f"create_{kind}": _NAMED for kind in (
        *("design_studio_folder", "design_studio_email", "design_studio_component"),
        *("asset_folder", "collection", "reporting_webhook"),
    )},
}  # fmt: skip
