"""The bodies of the Pipelines API."""

from __future__ import annotations

from config.customerio.limits import limit
from standin.schemas.parts import (
    ANY_OBJECT,
    DATA,
    EMAIL,
    IDENTIFIER,
    UNIX_SECONDS,
    VALUE,
    Schema,
    list_of,
    object_of,
    one_of,
    text,
)

_TRAITS: Schema = {
    **object_of(email=EMAIL, created_at=UNIX_SECONDS),
    "additionalProperties": VALUE,
    "propertyNames": text(1, limit("attribute_name_bytes"), pattern="^[a-z]+$"),
    "maxProperties": limit("attributes_per_person") - 1,
}


def _call(required: tuple[str, ...] = (), **fields: Schema) -> Schema:
    """Return a call of the Pipelines API. It names a user; the client may know them only anonymously."""
    return object_of(
        ("userId", *required),
        userId=IDENTIFIER,
        anonymousId=IDENTIFIER,
        messageId=text(),
        timestamp=text(),
        context=ANY_OBJECT,
        **fields,
    )


_CALLS: dict[str, Schema] = {
    "identify": _call(traits=_TRAITS),
    "track": _call(("event",), event=text(), properties=DATA),
    "page": _call(name=text(), properties=DATA),
    "screen": _call(name=text(), properties=DATA),
    "group": _call(("groupId",), groupId=IDENTIFIER, objectTypeId=IDENTIFIER, traits=DATA),
    "alias": _call(("previousId",), previousId=IDENTIFIER),
}
_BATCH = list_of(
    {
        "anyOf": [
            {
                **schema,
                "properties": {**schema["properties"], "type": one_of(kind)},
                "required": [*schema["required"], "type"],
            }
            for kind, schema in _CALLS.items()
        ]
    },
    1,
)
BODIES: dict[str, Schema] = {
    **{f"pipelines_{kind}": schema for kind, schema in _CALLS.items()},
    "pipelines_batch": object_of(("batch",), batch=_BATCH),
}
