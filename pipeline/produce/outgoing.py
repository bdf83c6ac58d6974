"""Messages that are known to be good before anybody has to read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from config.customerio.limits import limit
from pipeline.delivery.message import PoisonError, Stamp, parse_message
from pipeline.operation import Kind
from pipeline.origin import deduplication_id

_ITEM_BYTES = limit("v2_entity_bytes")
# What the worker will add: an id and a time of the longest kind.
_STAMP = Stamp(deduplication_id("", 0, 0, 0), timestamp=10**10, order_key=None)


@dataclass(frozen=True)
class OutgoingMessage:
    """What the worker will take and Customer.io's sizes allow; made by the functions below.

    Args:
        kind: identify or track.
        key: the person's id: all of a person is in one partition, in its order.
        value: JSON, ``{"type", "userId", "payload"}``.
    """

    kind: Kind
    key: bytes = field(repr=False)
    value: bytes = field(repr=False)


def identify(user_id: str, attributes: Mapping[str, Any]) -> OutgoingMessage:
    """Sets attributes of a person.

    Raises:
        ValueError: the worker would not take it; a PoisonError where the reason has a name.
        TypeError: an attribute has no JSON form.
    """
    return _made({"type": "identify", "userId": user_id, "payload": attributes})


def track(
    user_id: str, event: str, properties: Mapping[str, Any] | None = None, timestamp: int | None = None
) -> OutgoingMessage:
    """Records an event of a person; ``timestamp`` in Unix seconds, the time of sending if ``None``.

    Raises:
        ValueError, TypeError: as ``identify``.
    """
    payload: dict[str, Any] = {"event": event, "properties": properties or {}}
    if timestamp is not None:
        payload["timestamp"] = timestamp
    return _made({"type": "track", "userId": user_id, "payload": payload})


def checked(value: bytes) -> OutgoingMessage:
    """A message that somebody else has written, byte for byte.

    Raises:
        PoisonError: the worker would not take it.
    """
    operation = parse_message(value, _STAMP)
    size = len(operation.v2_item)
    if size > _ITEM_BYTES:
        raise PoisonError("too_large", f"{size} bytes for Customer.io, at most {_ITEM_BYTES} are allowed")
    return OutgoingMessage(operation.kind, operation.person.encode(), value)


def _made(content: dict[str, Any]) -> OutgoingMessage:
    try:
        value = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise PoisonError("not_utf8", "half of a surrogate pair in a text") from None
    except RecursionError:
        raise PoisonError("too_deep", "nested too deeply") from None
    return checked(value)
