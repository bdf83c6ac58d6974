"""The form of a message in the queue, as docs/pipeline.md describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def identify_message(user_id: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message that sets attributes of a person."""
    return {"type": "identify", "userId": user_id, "payload": attributes}


def track_message(
    user_id: str, event: str, properties: Mapping[str, Any], timestamp: int | None = None
) -> dict[str, Any]:
    """Return a message that records an event of a person.

    Args:
        timestamp: when the event happened, in Unix seconds; ``None`` for the time of its record.
    """
    payload: dict[str, Any] = {"event": event, "properties": properties}
    if timestamp is not None:
        payload["timestamp"] = timestamp
    return {"type": "track", "userId": user_id, "payload": payload}


def encode_message(message: Mapping[str, Any]) -> bytes:
    """Return a message as one line of compact JSON, without a line feed at its end.

    Raises:
        ValueError: it holds NaN or an infinite number.
        UnicodeEncodeError: it holds half of a surrogate pair.
        RecursionError: it is nested too deeply.
        TypeError: it holds what JSON has no form for.
    """
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
