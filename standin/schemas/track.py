"""The bodies of the Track API."""

from __future__ import annotations

from standin.schemas.parts import (
    ANONYMOUS_ID,
    ANY_OBJECT,
    ATTRIBUTES,
    DATA,
    DEVICE,
    EVENT_NAME,
    IDENTIFIER,
    OBJECT_ATTRIBUTES,
    OBJECT_IDENTIFIERS,
    SWITCH,
    ULID,
    UNIX_SECONDS,
    V1_PERSON,
    V2_DEVICE,
    V2_PERSON,
    Schema,
    list_of,
    object_of,
    one_of,
    text,
)

_EVENT = object_of(
    ("name",),
    name=EVENT_NAME,
    type=one_of("event", "page", "screen"),
    data=DATA,
    timestamp=UNIX_SECONDS,
    id=ULID,
    anonymous_id=ANONYMOUS_ID,
)
_MERGE = object_of(("primary", "secondary"), primary=V1_PERSON, secondary=V1_PERSON)
_MEMBERS = object_of(("ids",), ids=list_of(IDENTIFIER, 1, 1000))
_LINKS = list_of(ANY_OBJECT)


def _operation(kind: str, actions: tuple[str, ...], required: tuple[str, ...], **fields: Schema) -> Schema:
    return object_of(("type", "action", *required), type=one_of(kind), action=one_of(*actions), **fields)


_OPERATION: Schema = {
    "anyOf": [
        _operation(
            "person", ("identify",), ("identifiers",), identifiers=V2_PERSON, attributes=ATTRIBUTES,
            timestamp=UNIX_SECONDS, cio_relationships=_LINKS,
        ),
        _operation(
            "person", ("event", "page", "screen"), ("identifiers", "name"), identifiers=V2_PERSON,
            name=EVENT_NAME, attributes=DATA, timestamp=UNIX_SECONDS, id=ULID,
        ),
        _operation(
            "person", ("delete", "suppress", "unsuppress"), ("identifiers",), identifiers=V2_PERSON
        ),
        _operation(
            "person", ("merge",), ("primary", "secondary"), primary=V1_PERSON, secondary=V1_PERSON
        ),
        _operation(
            "person", ("add_device",), ("identifiers", "device"), identifiers=V2_PERSON, device=V2_DEVICE
        ),
        _operation(
            "person", ("delete_device",), ("identifiers", "device"), identifiers=V2_PERSON,
            device=object_of(("token",), token=text()),
        ),
        _operation(
            "person", ("add_relationships", "delete_relationships"), ("identifiers", "cio_relationships"),
            identifiers=V2_PERSON, cio_relationships=_LINKS,
        ),
        _operation(
            "object", ("identify", "identify_anonymous"), ("identifiers",), identifiers=OBJECT_IDENTIFIERS,
            attributes=OBJECT_ATTRIBUTES, cio_relationships=_LINKS,
        ),
        _operation("object", ("delete",), ("identifiers",), identifiers=OBJECT_IDENTIFIERS),
        _operation(
            "object", ("add_relationships", "delete_relationships"), ("identifiers", "cio_relationships"),
            identifiers=OBJECT_IDENTIFIERS, cio_relationships=_LINKS,
        ),
        _operation(
            "delivery", ("event",), ("identifiers", "name", "attributes"),
            identifiers=object_of(("id",), id=text()),
            name=one_of("opened", "converted", "delivered"),
            attributes=object_of(("device_token",), device_token=text()),
        ),
    ]
}  # fmt: skip
BODIES: dict[str, Schema] = {
    "identify": ATTRIBUTES,
    "track": _EVENT,
    "track_anonymous": _EVENT,
    "add_device": object_of(("device",), device=DEVICE),
    "merge": _MERGE,
    "add_to_segment": _MEMBERS,
    "remove_from_segment": _MEMBERS,
    "submit_form": object_of(
        ("data",),
        data={**object_of(("id",), id=IDENTIFIER), "additionalProperties": False},
    ),
    "metrics": object_of(
        ("delivery_id", "metric"),
        delivery_id=text(),
        metric=one_of(
            *("bounced", "clicked", "converted", "deferred", "delivered", "dropped", "opened", "spammed")
        ),
        timestamp=UNIX_SECONDS,
    ),
    "push_metrics": object_of(
        delivery_id=text(),
        device_id=text(),
        event=one_of("opened", "converted", "delivered"),
        timestamp=UNIX_SECONDS,
    ),
    "unsubscribe": object_of(unsubscribe=SWITCH),
    "entity": _OPERATION,
    "batch": object_of(("batch",), batch=list_of(_OPERATION, 1)),
}
