"""Checks an operation in Track v2's own form: ``{"type": "person", "identifiers", "action", ...}``.

The rules are those of Customer.io's published description, and for identifiers, names and times those of all
messages. What is not checked here is passed on as it is, so that Customer.io has the last word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

from pipeline.delivery.checks import (
    PoisonError,
    anonymous_id,
    event_data,
    event_name,
    identifier,
    name_of,
    unix_seconds,
    utf8_bytes,
)
from pipeline.delivery.ulids import ulid_or
from pipeline.operation import AnonymousEvent, NativeOperation

_PERSON_KINDS = ("id", "email", "phone", "cio_id")
_MERGE_KINDS = ("id", "email", "cio_id")
_EVENT_ACTIONS = ("event", "page", "screen")
_PLATFORMS = ("ios", "android")
_CIO_PREFIX = "cio_"
# Members that are as good as missing if they are null; Customer.io takes no null for them.
_OPTIONAL = ("attributes", "timestamp", "id", "cio_relationships")

_Content = dict[str, Any]


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


def parse_native(message: _Content, stamp: Stamp) -> NativeOperation | AnonymousEvent:
    """Return the operation in a message whose ``type`` is one of ``NATIVE_TYPES``.

    Raises:
        PoisonError: it has another form than described.
    """
    of_type = NATIVE_TYPES[message["type"]]
    action = message.get("action")
    if not isinstance(action, str) or action not in of_type:
        raise PoisonError("unknown_action", f"action: expected one of {', '.join(of_type)}")
    content = {name: value for name, value in message.items() if value is not None or name not in _OPTIONAL}
    if message["type"] == "person" and action in _EVENT_ACTIONS and _is_anonymous(content):
        return _anonymous_event(content, stamp)
    subject, identifiers = of_type[action](content, stamp)
    return NativeOperation(action, content, subject, identifiers, stamp.order_key)


# -- people: each check completes the content, and returns its subject and the person's identifiers


def _person(content: _Content, stamp: Stamp) -> tuple[str, dict[str, str]]:
    identifiers = _identifiers(content, "identifiers", _PERSON_KINDS)
    content["identifiers"] = identifiers
    return _lane_of(identifiers), identifiers


def _identify(content: _Content, stamp: Stamp) -> tuple[str, dict[str, str]]:
    _check_object(content, "attributes")
    _check_time(content, "timestamp", "")
    _check_relationships(content, is_required=False)
    return _person(content, stamp)


def _event(content: _Content, stamp: Stamp) -> tuple[str, dict[str, str]]:
    person = _person(content, stamp)
    content["name"] = event_name(content.get("name"), "name")
    data = event_data(content, "")
    for name in ("properties", "data"):
        content.pop(name, None)
    if data or "attributes" in content:
        content["attributes"] = data
    timestamp = unix_seconds(content.get("timestamp"), "timestamp")
    timestamp = stamp.timestamp if timestamp is None else timestamp
    if timestamp is not None:
        content["timestamp"] = timestamp
    content["id"] = ulid_or(content.get("id"), stamp.deduplication_id)
    return person


def _merge(content: _Content, stamp: Stamp) -> tuple[str, None]:
    for name in ("primary", "secondary"):
        content[name] = _identifiers(content, name, _MERGE_KINDS)
    return _lane_of(content["primary"]), None


def _add_device(content: _Content, stamp: Stamp) -> tuple[str, dict[str, str]]:
    device = _device(content)
    if device.get("platform") not in _PLATFORMS:
        raise PoisonError("bad_payload", f"device.platform: expected one of {', '.join(_PLATFORMS)}")
    _check_time(device, "last_used", "device.")
    return _person(content, stamp)


def _delete_device(content: _Content, stamp: Stamp) -> tuple[str, dict[str, str]]:
    _device(content)
    return _person(content, stamp)


def _person_relationships(content: _Content, stamp: Stamp) -> tuple[str, dict[str, str]]:
    _check_relationships(content, is_required=True)
    return _person(content, stamp)


def _is_anonymous(content: _Content) -> bool:
    identifiers = content.get("identifiers")
    return isinstance(identifiers, dict) and [
        name for name, value in identifiers.items() if value is not None
    ] == ["anonymous_id"]


def _anonymous_event(content: _Content, stamp: Stamp) -> AnonymousEvent:
    action = cast(Literal["event", "page", "screen"], content["action"])
    timestamp = unix_seconds(content.get("timestamp"), "timestamp")
    return AnonymousEvent(
        kind="track" if action == "event" else action,
        anonymous_id=anonymous_id(content["identifiers"]["anonymous_id"], "identifiers.anonymous_id"),
        event=event_name(content.get("name"), "name"),
        data=event_data(content, ""),
        timestamp=stamp.timestamp if timestamp is None else timestamp,
        deduplication_id=ulid_or(content.get("id"), stamp.deduplication_id),
        order_key=stamp.order_key,
    )


# -- objects and deliveries ------------------------------------------------------------------------


def _object(content: _Content, stamp: Stamp) -> tuple[str, None]:
    identifiers = _given_identifiers(content, "identifiers")
    names = ("cio_object_id",) if "cio_object_id" in identifiers else ("object_type_id", "object_id")
    values = {name: _text(identifiers.get(name), f"identifiers.{name}", "bad_user_id") for name in names}
    content["identifiers"] = values
    return f"object:{':'.join(values.values())}", None


def _object_identify(content: _Content, stamp: Stamp) -> tuple[str, None]:
    _check_object(content, "attributes")
    _check_relationships(content, is_required=False)
    return _object(content, stamp)


def _object_relationships(content: _Content, stamp: Stamp) -> tuple[str, None]:
    _check_relationships(content, is_required=True)
    return _object(content, stamp)


def _delivery_event(content: _Content, stamp: Stamp) -> tuple[str, None]:
    identifiers = _given_identifiers(content, "identifiers")
    delivery = _text(identifiers.get("id"), "identifiers.id", "bad_user_id")
    _text(content.get("name"), "name", "bad_payload")
    _check_object(content, "attributes")
    return f"delivery:{delivery}", None


# -- parts -----------------------------------------------------------------------------------------


def _given_identifiers(content: _Content, place: str) -> dict[str, Any]:
    identifiers = content.get(place)
    if not isinstance(identifiers, dict):
        raise PoisonError("bad_user_id", f"{place}: expected an object, got {name_of(identifiers)}")
    return {name: value for name, value in identifiers.items() if value is not None}


def _identifiers(content: _Content, place: str, kinds: tuple[str, ...]) -> dict[str, str]:
    """Return the one identifier of a person."""
    given = _given_identifiers(content, place)
    if len(given) != 1 or not given.keys() <= set(kinds):
        raise PoisonError("bad_user_id", f"{place}: expected exactly one of {', '.join(kinds)}")
    [(kind, value)] = given.items()
    text = identifier(value, f"{place}.{kind}")
    if kind == "email" and "@" not in text:
        raise PoisonError("bad_user_id", f"{place}.email: expected an e-mail address")
    return {kind: text}


def _lane_of(identifiers: dict[str, str]) -> str:
    """Return the lane that an identify or track of ours with the same identifier has."""
    [(kind, value)] = identifiers.items()
    return _CIO_PREFIX + value.removeprefix(_CIO_PREFIX) if kind == "cio_id" else value


def _device(content: _Content) -> dict[str, Any]:
    device = content.get("device")
    if not isinstance(device, dict):
        raise PoisonError("bad_payload", f"device: expected an object, got {name_of(device)}")
    _text(device.get("token"), "device.token", "bad_payload")
    content["device"] = {name: value for name, value in device.items() if value is not None}
    return cast(dict[str, Any], content["device"])


def _text(value: object, place: str, cause: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise PoisonError(cause, f"{place}: expected a string that is not empty")
    utf8_bytes(value, place)
    return value


def _check_object(content: _Content, name: str) -> None:
    if not isinstance(content.get(name, {}), dict):
        raise PoisonError("bad_payload", f"{name}: expected an object, got {name_of(content[name])}")


def _check_time(content: _Content, name: str, place: str) -> None:
    if name in content:
        content[name] = unix_seconds(content[name], place + name)


def _check_relationships(content: _Content, *, is_required: bool) -> None:
    relationships = content.get("cio_relationships", None if is_required else [])
    if not isinstance(relationships, list) or not all(isinstance(entry, dict) for entry in relationships):
        raise PoisonError("bad_payload", "cio_relationships: expected a list of objects")


_Check = Callable[[_Content, Stamp], tuple[str, dict[str, str] | None]]

#: The types of native operations, and the actions of each.
NATIVE_TYPES: dict[str, dict[str, _Check]] = {
    "person": {
        "identify": _identify,
        "event": _event,
        "page": _event,
        "screen": _event,
        "delete": _person,
        "suppress": _person,
        "unsuppress": _person,
        "merge": _merge,
        "add_device": _add_device,
        "delete_device": _delete_device,
        "add_relationships": _person_relationships,
        "delete_relationships": _person_relationships,
    },
    "object": {
        "identify": _object_identify,
        "identify_anonymous": _object_identify,
        "delete": _object,
        "add_relationships": _object_relationships,
        "delete_relationships": _object_relationships,
    },
    "delivery": {"event": _delivery_event},
}
