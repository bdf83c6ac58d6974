"""Parses a message ``{"type", "userId", "payload"}`` into an operation.

A message that cannot be parsed has a cause, one word for programs, and a detail for people. The detail names
places and sizes. It never repeats the content, which is personal data.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from config.customerio.identifiers import flaw_of_identifier
from config.customerio.limits import limit
from pipeline.operation import Kind, Operation

_EVENT_NAME_BYTES = limit("event_name_bytes")
#: Unix seconds, the end of the year 9999. A larger number is in milliseconds or a smaller unit.
LATEST_TIMESTAMP = 253_402_300_799


class PoisonError(ValueError):
    """The message cannot be parsed; retrying will not help.

    Args:
        cause: ``tombstone``, ``not_utf8``, ``not_json``, ``too_deep``, ``not_an_object``, ``unknown_type``,
            ``bad_user_id`` or ``bad_payload``.
        detail: the part that is wrong, and what was expected.
    """

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


@dataclass(frozen=True)
class Stamp:
    """What the source adds to a message.

    Args:
        deduplication_id: a ULID, the same each time the message is read.
        timestamp: the time of an event without a time of its own, in Unix seconds; ``None`` if unknown.
        order_key: messages with the same key are delivered in order; ``None`` for the person's id.
    """

    deduplication_id: str
    timestamp: int | None
    order_key: str | None


def parse_message(value: bytes | None, stamp: Stamp) -> Operation:
    """Return the operation that a message asks for.

    Raises:
        PoisonError: the message cannot be parsed, or could not be sent.
    """
    message = _json_object(value)
    kind = _kind(message)
    person = _person(message)
    payload = message.get("payload")
    if not isinstance(payload, dict):
        raise PoisonError("bad_payload", f"payload: expected an object, got {_name_of(payload)}")
    if kind == "identify":
        operation = Operation(kind, person, payload, order_key=stamp.order_key)
    else:
        operation = Operation(
            kind,
            person,
            _properties(payload),
            event=_event_name(payload),
            timestamp=_timestamp(payload, stamp),
            deduplication_id=stamp.deduplication_id,
            order_key=stamp.order_key,
        )
    _check_sendable(operation)
    return operation


def _json_object(value: bytes | None) -> dict[str, Any]:
    if value is None:
        raise PoisonError("tombstone", "the message has no value")
    try:
        text = value.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PoisonError("not_utf8", f"byte {error.start}: expected UTF-8") from None
    try:
        message = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise PoisonError("not_json", f"character {error.pos}: {error.msg}") from None
    except RecursionError:
        raise PoisonError("too_deep", "nested too deeply") from None
    except ValueError:
        # Python converts no number with thousands of digits.
        raise PoisonError("not_json", "a number with too many digits, or NaN, or Infinity") from None
    if not isinstance(message, dict):
        raise PoisonError("not_an_object", f"expected an object, got {_name_of(message)}")
    return message


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _kind(message: dict[str, Any]) -> Kind:
    kind = message.get("type")
    if kind == "identify":
        return "identify"
    if kind == "track":
        return "track"
    what = "another string" if isinstance(kind, str) else _name_of(kind)
    raise PoisonError("unknown_type", f"type: expected 'identify' or 'track', got {what}")


def _person(message: dict[str, Any]) -> str:
    """Return the person's id. A whole number stands for its digits: systems that number users send it."""
    person = message.get("userId")
    if isinstance(person, int) and not isinstance(person, bool):
        person = str(person)
    if not isinstance(person, str):
        raise PoisonError("bad_user_id", f"userId: expected a string, got {_name_of(person)}")
    _utf8_bytes(person, "userId")
    flaw = flaw_of_identifier(person)
    if flaw is not None:
        raise PoisonError("bad_user_id", f"userId: {flaw}")
    return person


def _event_name(payload: dict[str, Any]) -> str:
    name = payload.get("event")
    if not isinstance(name, str):
        raise PoisonError("bad_payload", f"payload.event: expected a string, got {_name_of(name)}")
    name = name.strip()
    if not name:
        raise PoisonError("bad_payload", "payload.event: empty")
    size = _utf8_bytes(name, "payload.event")
    if size > _EVENT_NAME_BYTES:
        raise PoisonError("bad_payload", f"payload.event: {size} bytes, at most {_EVENT_NAME_BYTES}")
    return name


def _properties(payload: dict[str, Any]) -> dict[str, Any]:
    properties = payload.get("properties")
    if properties is None:
        return {}
    if not isinstance(properties, dict):
        raise PoisonError(
            "bad_payload", f"payload.properties: expected an object, got {_name_of(properties)}"
        )
    return properties


def _timestamp(payload: dict[str, Any], stamp: Stamp) -> int | None:
    """Return the event's own time, else the message's, so that an event from a backlog keeps its time."""
    timestamp = payload.get("timestamp")
    if timestamp is None:
        return stamp.timestamp
    if isinstance(timestamp, bool) or not isinstance(timestamp, int):
        raise PoisonError("bad_payload", f"payload.timestamp: expected a number, got {_name_of(timestamp)}")
    if not 0 <= timestamp <= LATEST_TIMESTAMP:
        raise PoisonError("bad_payload", "payload.timestamp: expected Unix seconds")
    return timestamp


def _check_sendable(operation: Operation) -> None:
    """Encode the JSON that will be sent, as some JSON can be parsed but not encoded again."""
    try:
        _ = operation.v2_item
    except RecursionError:
        raise PoisonError("too_deep", "nested too deeply") from None
    except UnicodeEncodeError:
        raise PoisonError("not_utf8", "half of a surrogate pair in a string") from None
    except ValueError:
        raise PoisonError("not_json", "a number that is too large for JSON") from None


def _utf8_bytes(text: str, place: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise PoisonError("not_utf8", f"{place}: half of a surrogate pair") from None


def _name_of(value: object) -> str:
    """Return the name of a value's JSON type."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"
