"""Messages that are checked by the worker's rules before they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from config.queue_message import encode_message, identify_message, track_message
from pipeline.client import refusal
from pipeline.delivery.message import Parse, PoisonError, Stamp, parse_message
from pipeline.origin import deduplication_id

# The worker adds an id and a time. This stamp has the longest of both, so that sizes are not too low.
_STAMP = Stamp(deduplication_id("", 0, 0, 0), timestamp=10**10, order_key=None)


@dataclass(frozen=True)
class OutgoingMessage:
    """A message that the worker accepts and that fits Customer.io's limits. The functions below make it.

    Args:
        kind: identify, track, or another action of Track v2.
        key: the person's id, so that all messages of a person stay in order in one partition.
        value: JSON, as the worker reads it.
    """

    kind: str
    key: bytes = field(repr=False)
    value: bytes = field(repr=False)


def identify(user_id: str, attributes: Mapping[str, Any]) -> OutgoingMessage:
    """Return a message that sets attributes of a person.

    Raises:
        ValueError: the worker would not accept the message; a PoisonError if the reason has a cause.
        TypeError: an attribute cannot be written as JSON.
    """
    return _encode(identify_message(user_id, attributes))


def track(
    user_id: str, event: str, properties: Mapping[str, Any] | None = None, timestamp: int | None = None
) -> OutgoingMessage:
    """Return a message that records an event.

    Args:
        timestamp: when the event happened, in Unix seconds; ``None`` for the time of sending.

    Raises:
        ValueError, TypeError: as ``identify``.
    """
    return _encode(track_message(user_id, event, properties or {}, timestamp))


def checked(value: bytes, parse: Parse = parse_message) -> OutgoingMessage:
    """Return a message that was written elsewhere, byte for byte.

    Args:
        value: of the message.
        parse: as the worker parses it.

    Raises:
        PoisonError: the worker would not accept the message.
    """
    operation = parse(value, _STAMP)
    refused = refusal(operation, "v2")
    if refused is not None:
        raise PoisonError(refused.reason, f"for Customer.io: {refused.message}")
    return OutgoingMessage(operation.kind, operation.lane.encode(), value)


def _encode(content: dict[str, Any]) -> OutgoingMessage:
    try:
        value = encode_message(content)
    except UnicodeEncodeError:
        raise PoisonError("not_utf8", "half of a surrogate pair in a string") from None
    except RecursionError:
        raise PoisonError("too_deep", "nested too deeply") from None
    return checked(value)
