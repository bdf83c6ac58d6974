"""The parts that the schemas of bodies consist of.

Lengths are in characters, and the limits are in bytes, so that a text beyond ASCII can be refused although
the schema allows it. All else that a schema allows is accepted.
"""

from __future__ import annotations

from typing import Any

from config.customerio.limits import limit

Schema = dict[str, Any]


def text(least: int = 1, most: int | None = None, **more: Any) -> Schema:
    bounds = {"minLength": least} if most is None else {"minLength": least, "maxLength": most}
    return {"type": "string", **bounds, **more}


def object_of(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def list_of(items: Schema, least: int = 0, most: int | None = None) -> Schema:
    bounds = {"minItems": least} if most is None else {"minItems": least, "maxItems": most}
    return {"type": "array", "items": items, **bounds}


def one_of(*values: str) -> Schema:
    return {"enum": list(values)}


ANY_OBJECT: Schema = {"type": "object"}
SWITCH: Schema = {"type": "boolean"}
UNIX_SECONDS: Schema = {"type": "integer", "minimum": 0, "maximum": 99_999_999_999}
IDENTIFIER = text(1, limit("identifier_bytes"))
EMAIL = text(3, limit("identifier_bytes"), pattern="@")
EVENT_NAME = text(1, limit("event_name_bytes"), pattern="[!-~]")
ULID = {"type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"}
ANONYMOUS_ID = text(1, limit("attribute_value_bytes"))
DATA: Schema = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}}

VALUE: Schema = {
    "anyOf": [
        text(0, limit("attribute_value_bytes")),
        {"type": "integer", "minimum": -(2**53), "maximum": 2**53},
        {"type": "boolean"},
        {"type": "null"},
    ]
}
PREFERENCES = object_of(topics={"type": "object", "additionalProperties": SWITCH})
ATTRIBUTES: Schema = {
    **object_of(
        id=IDENTIFIER,
        email=EMAIL,
        cio_id=IDENTIFIER,
        created_at=UNIX_SECONDS,
        anonymous_id=ANONYMOUS_ID,
        cio_subscription_preferences=PREFERENCES,
        cio_relationships=object_of(
            action=one_of("add_relationships", "delete_relationships"),
            relationships=list_of(ANY_OBJECT),
        ),
        _update=SWITCH,
        _timestamp=UNIX_SECONDS,
    ),
    "additionalProperties": VALUE,
    "propertyNames": text(1, limit("attribute_name_bytes")),
    "maxProperties": limit("attributes_per_person"),
}
OBJECT_ATTRIBUTES: Schema = {
    **object_of(cio_relationships=ANY_OBJECT),
    "additionalProperties": VALUE,
    "propertyNames": text(1, limit("attribute_name_bytes")),
    "maxProperties": limit("attributes_per_person"),
}


def exactly_one(**kinds: Schema) -> Schema:
    """Return an object with exactly one of the properties."""
    return {
        "anyOf": [
            {**object_of((kind,), **{kind: schema}), "additionalProperties": False}
            for kind, schema in kinds.items()
        ]
    }


V1_PERSON = exactly_one(id=IDENTIFIER, email=EMAIL, cio_id=IDENTIFIER)
V2_PERSON = exactly_one(id=IDENTIFIER, email=EMAIL, phone=IDENTIFIER, cio_id=IDENTIFIER)
OBJECT_IDENTIFIERS: Schema = {
    "anyOf": [
        {
            **object_of(("object_type_id", "object_id"), object_type_id=text(), object_id=text()),
            "additionalProperties": False,
        },
        {**object_of(("cio_object_id",), cio_object_id=text()), "additionalProperties": False},
    ]
}
_DEVICE = {"platform": one_of("ios", "android"), "last_used": UNIX_SECONDS, "attributes": ANY_OBJECT}
DEVICE = object_of(("id", "platform"), id=text(), **_DEVICE)
V2_DEVICE = object_of(("token", "platform"), token=text(), **_DEVICE)
