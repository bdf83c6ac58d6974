"""Parses a message: ``{"type", "userId", "payload"}``, or an operation in Track v2's own form."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

from pipeline.delivery.checks import (
    LATEST_TIMESTAMP,
    PoisonError,
    anonymous_id,
    event_data,
    event_name,
    identifier,
    name_of,
    unix_seconds,
)
from pipeline.delivery.encodings import name_of_encoding
from pipeline.delivery.native import NATIVE_TYPES, Stamp, parse_native
from pipeline.delivery.ulids import ulid_or
from pipeline.operation import AnonymousEvent, AnyOperation, Kind, Operation

__all__ = ["LATEST_TIMESTAMP", "MapMessage", "Parse", "PoisonError", "Stamp", "parse_message", "parser"]

#: Turns a message of another shape into one of ours, see ``pipeline.delivery.mapping``.
MapMessage = Callable[[dict[str, Any]], dict[str, Any]]
#: Parses the value of a message, see ``parse_message``.
Parse = Callable[[bytes | None, Stamp], AnyOperation]


def parser(mapping: MapMessage | None) -> Parse:
    """Return ``parse_message`` for messages of the shape that a mapping knows."""
    return lambda value, stamp: parse_message(value, stamp, mapping)


def parse_message(value: bytes | None, stamp: Stamp, mapping: MapMessage | None = None) -> AnyOperation:
    """Return the operation that a message asks for.

    Raises:
        PoisonError: the message cannot be parsed, or could not be sent.
    """
    message = _json_object(value)
    if mapping is not None:
        message = mapping(message)
    kind = message.get("type")
    is_native = isinstance(kind, str) and kind in NATIVE_TYPES
    operation = parse_native(message, stamp) if is_native else _parse(message, stamp)
    _check_sendable(operation)
    return operation


def _parse(message: dict[str, Any], stamp: Stamp) -> Operation | AnonymousEvent:
    kind = _kind(message)
    anonymous = _anonymous_id(message) if kind == "track" and message.get("userId") is None else None
    person = identifier(message.get("userId"), "userId") if anonymous is None else ""
    payload = message.get("payload")
    if not isinstance(payload, dict):
        raise PoisonError("bad_payload", f"payload: expected an object, got {name_of(payload)}")
    if kind == "identify":
        return Operation(kind, person, payload, order_key=stamp.order_key)
    name = event_name(payload.get("event"), "payload.event")
    data = event_data(payload, "payload.")
    timestamp = _timestamp(message, payload, stamp)
    event_id = ulid_or(payload.get("id"), stamp.deduplication_id)
    if anonymous is not None:
        return AnonymousEvent(kind, anonymous, name, data, timestamp, event_id, stamp.order_key)
    return Operation(kind, person, data, name, timestamp, event_id, stamp.order_key)


def _json_object(value: bytes | None) -> dict[str, Any]:
    if value is None:
        raise PoisonError("tombstone", "the message has no value")
    encoding = name_of_encoding(value)
    if encoding is not None:
        raise PoisonError("not_utf8", f"{encoding}: expected plain UTF-8")
    try:
        text = value.decode().lstrip("\N{ZERO WIDTH NO-BREAK SPACE}")
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
        raise PoisonError("not_an_object", f"expected an object, got {name_of(message)}")
    return message


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _kind(message: dict[str, Any]) -> Kind:
    kind = message.get("type")
    if kind == "identify":
        return "identify"
    if kind == "track":
        return "track"
    what = "another string" if isinstance(kind, str) else name_of(kind)
    expected = "'identify' or 'track', or a type of Track v2"
    raise PoisonError("unknown_type", f"type: expected {expected}, got {what}")


def _anonymous_id(message: dict[str, Any]) -> str | None:
    for name in ("anonymousId", "anonymous_id"):
        if message.get(name) is not None:
            return anonymous_id(message[name], name)
    return None


def _timestamp(message: dict[str, Any], payload: dict[str, Any], stamp: Stamp) -> int | None:
    """Return the event's own time, else the message's, so that an event from a backlog keeps its time."""
    own = unix_seconds(payload.get("timestamp"), "payload.timestamp")
    if own is None:
        own = unix_seconds(message.get("timestamp"), "timestamp")
    return stamp.timestamp if own is None else own


def _check_sendable(operation: AnyOperation) -> None:
    """Encode the JSON that will be sent, as some JSON can be parsed but not encoded again."""
    try:
        _ = operation.v1_body if isinstance(operation, AnonymousEvent) else operation.v2_item
    except RecursionError:
        raise PoisonError("too_deep", "nested too deeply") from None
    except UnicodeEncodeError:
        raise PoisonError("not_utf8", "half of a surrogate pair in a string") from None
    except ValueError:
        raise PoisonError("not_json", "a number that is too large for JSON") from None
    except TypeError:
        raise PoisonError("unmapped", "the mapping returned a value that JSON has no form for") from None
