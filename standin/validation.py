"""Checks requests against Customer.io's published size limits and field types.

Every check raises ``Invalid`` for a value that breaks its rule.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from config.customerio.limits import limit
from standin.json_body import Json, JsonObject, size_bytes
from standin.person import (
    KINDS_IN_ATTRIBUTES,
    PREFERENCES,
    TOPIC_PREFIX,
    Identifier,
    Kind,
    identifier,
    identifier_in_path,
)
from standin.responses import Invalid

_IDENTIFIER_BYTES = limit("identifier_bytes")
_ATTRIBUTE_NAME_BYTES = limit("attribute_name_bytes")
_ATTRIBUTE_VALUE_BYTES = limit("attribute_value_bytes")
_ATTRIBUTES_PER_CALL = limit("attributes_per_person")
_EVENT_NAME_BYTES = limit("event_name_bytes")
_EVENT_DATA_BYTES = limit("event_data_bytes")

# Unix seconds have ten digits until the year 2286. A value with thirteen digits is milliseconds.
_LATEST_UNIX_SECONDS = 99_999_999_999
# A number below this has fewer than twenty characters, so its size need not be measured.
_SHORT_NUMBER = 10**18

_EVENT_TYPES = frozenset({"event", "page", "screen"})
_PLATFORMS = frozenset({"ios", "android"})
# 26 characters of Crockford's base 32, which hold 130 bits. A ULID has 128, so the first is at most 7.
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE)

# Instructions that stand among the attributes of an identify call and are not stored.
INSTRUCTIONS = frozenset({"_update", "_timestamp", "cio_relationships"})
_NOT_SIZED = frozenset({"cio_relationships", PREFERENCES})


def check_path_identifier(text: str) -> Identifier:
    """Return the identifier in a v1 path."""
    check_size(text, _IDENTIFIER_BYTES, "identifier")
    return identifier_in_path(text)


def check_identifiers(value: Json, field: str, kinds: Collection[Kind]) -> Identifier:
    """Return the identifier in an object with exactly one, such as ``{"email": ...}``."""
    if not isinstance(value, dict):
        raise Invalid("expected an object with one identifier", field, "required")
    named = [kind for kind in kinds if value.get(kind) is not None]
    if len(named) != 1 or len(value) != 1:
        raise Invalid(f"expected exactly one of {', '.join(kinds)}", field)
    kind = named[0]
    return identifier(kind, check_identifier_value(value[kind], kind, f"{field}.{kind}"))


def check_identifier_value(value: Json, kind: Kind, field: str) -> str:
    """Return an identifier in a body: a string, or for an id a whole number, as some clients send it."""
    if isinstance(value, int) and not isinstance(value, bool) and kind == "id":
        value = str(value) if abs(value) < _SHORT_NUMBER else ""
    if not isinstance(value, str) or not value:
        raise Invalid("expected a non-empty string", field)
    if kind == "email" and "@" not in value:
        raise Invalid("expected an e-mail address", field)
    check_size(value, _IDENTIFIER_BYTES, field)
    return value


def check_person_attributes(attributes: Mapping[str, Json], prefix: str = "") -> None:
    """Check the attributes of an identify call, instructions included."""
    check_attributes(attributes, prefix)
    for kind in KINDS_IN_ATTRIBUTES:
        if attributes.get(kind) not in (None, ""):
            check_identifier_value(attributes[kind], kind, prefix + kind)
    if attributes.get("created_at") not in (None, ""):
        check_timestamp(attributes, "created_at", prefix)
    check_timestamp(attributes, "_timestamp", prefix)
    if not isinstance(attributes.get("_update", False), bool):
        raise Invalid("expected true or false", f"{prefix}_update")
    if attributes.get("anonymous_id") not in (None, ""):
        check_anonymous_id(attributes, prefix)
    if attributes.get(PREFERENCES) not in (None, ""):
        _check_preferences(attributes[PREFERENCES], prefix + PREFERENCES)
    for name, value in attributes.items():
        if name.startswith(TOPIC_PREFIX):
            _check_topic(value, prefix + name)


def _check_preferences(preferences: Json, field: str) -> None:
    """Check all of a person's subscription preferences."""
    if not isinstance(preferences, dict):
        raise Invalid("expected an object", field)
    topics = preferences.get("topics", {})
    if not isinstance(topics, dict):
        raise Invalid("expected an object", f"{field}.topics")
    for topic, value in topics.items():
        _check_topic(value, f"{field}.topics.{topic}")


def _check_topic(value: Json, field: str) -> None:
    if not (isinstance(value, bool) or value in (None, "")):
        raise Invalid("expected true or false", field)


def check_anonymous_id(fields: Mapping[str, Json], prefix: str = "") -> str | None:
    """Return an optional anonymous id: a string, or a whole number, which means its digits.

    The description has a string only. The official clients send what they are given, and the one for Node
    declares ``string | number``.
    """
    if "anonymous_id" not in fields:
        return None
    value = fields["anonymous_id"]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _SHORT_NUMBER:
        return str(value)
    if not isinstance(value, str) or not value:
        raise Invalid("expected a non-empty string or a whole number", f"{prefix}anonymous_id")
    check_size(value, _ATTRIBUTE_VALUE_BYTES, f"{prefix}anonymous_id")
    return value


def check_attributes(attributes: Mapping[str, Json], prefix: str = "") -> None:
    """Check the number and the sizes of attributes, of a person or of an object."""
    count = len(attributes) - len(INSTRUCTIONS & attributes.keys())
    if count > _ATTRIBUTES_PER_CALL:
        raise Invalid(f"{count} attributes, at most {_ATTRIBUTES_PER_CALL} are allowed", prefix or "body")
    for name, value in attributes.items():
        if not name:
            raise Invalid("an attribute needs a name", prefix or "body")
        if not name.isascii() or len(name) > _ATTRIBUTE_NAME_BYTES:
            check_size(name, _ATTRIBUTE_NAME_BYTES, prefix or "body", "attribute name")
        if _may_be_large(value) and name not in _NOT_SIZED:
            check_size(value, _ATTRIBUTE_VALUE_BYTES, prefix + name)


def check_event(event: JsonObject, body_bytes: int) -> str:
    """Check a v1 event and return its name.

    Args:
        event: the parsed body.
        body_bytes: the body's size. The data are measured only if the body exceeds their limit.
    """
    name = check_event_name(event)
    if "type" in event:
        check_one_of(event, "type", _EVENT_TYPES)
    check_timestamp(event, "timestamp")
    check_event_id(event)
    check_event_data(event, "data", body_bytes)
    check_anonymous_id(event)
    return name


def check_event_name(event: JsonObject) -> str:
    """Return an event's name without its outer spaces."""
    name = event.get("name")
    if not isinstance(name, str) or not (name := name.strip()):
        raise Invalid("expected a non-empty string", "name", "required")
    check_size(name, _EVENT_NAME_BYTES, "name")
    return name


def check_event_data(event: JsonObject, field: str, body_bytes: int) -> None:
    """Check the optional data of an event."""
    if field not in event:
        return
    data = event[field]
    if not isinstance(data, dict):
        raise Invalid("expected an object", field)
    if body_bytes > _EVENT_DATA_BYTES:
        check_size(data, _EVENT_DATA_BYTES, field)


def check_event_id(event: JsonObject) -> str | None:
    """Return the ULID that identifies repeated events, or ``None``."""
    if "id" not in event:
        return None
    event_id = event["id"]
    if not isinstance(event_id, str) or not _ULID.fullmatch(event_id):
        raise Invalid("expected a ULID", "id")
    return event_id.upper()


def check_timestamp(fields: Mapping[str, Json], name: str, prefix: str = "") -> None:
    """Check an optional time in whole Unix seconds. ``null`` is not a time."""
    if name not in fields:
        return
    value = fields[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LATEST_UNIX_SECONDS:
        raise Invalid("expected whole Unix seconds", prefix + name)


def check_device(device: Json, id_field: str) -> tuple[str, str]:
    """Return the id (``id`` in v1, ``token`` in v2) and the platform of a device to add."""
    device_id = check_device_id(device, id_field)
    platform = check_one_of(device, "platform", _PLATFORMS, "device.")
    check_timestamp(device, "last_used", "device.")
    if not isinstance(device.get("attributes", {}), dict):
        raise Invalid("expected an object", "device.attributes")
    return device_id, platform


def check_device_id(device: Json, id_field: str) -> str:
    """Return the id in a device object."""
    if not isinstance(device, dict):
        raise Invalid("expected an object", "device", "required")
    return check_text(device, id_field, "device.")


def check_text(fields: Mapping[str, Json], name: str, prefix: str = "") -> str:
    """Return a required non-empty string."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise Invalid("expected a non-empty string", prefix + name, "required")
    return value


def check_one_of(fields: Mapping[str, Json], name: str, allowed: Collection[str], prefix: str = "") -> str:
    """Return a required string that must be one of ``allowed``."""
    value = fields.get(name)
    if not isinstance(value, str) or value not in allowed:
        raise Invalid(f"expected one of {', '.join(sorted(allowed))}", prefix + name, "required")
    return value


def check_size(value: Json, most_bytes: int, field: str, what: str = "value") -> None:
    """Check a published limit in bytes."""
    size = size_bytes(value, field)
    if size > most_bytes:
        raise Invalid(f"{what} of {size} bytes, at most {most_bytes} are allowed", field, "too_large")


def _may_be_large(value: Json) -> bool:
    """Whether a value must be measured. Most are short, so this saves time on every request.

    A string beyond ASCII must always be measured: that finds half of a surrogate pair, which is not UTF-8.
    """
    if isinstance(value, str):
        return len(value) > _ATTRIBUTE_VALUE_BYTES or not value.isascii()
    if isinstance(value, bool | float) or value is None:
        return False
    return not isinstance(value, int) or abs(value) >= _SHORT_NUMBER
