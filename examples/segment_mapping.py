"""Turns messages as Segment and RudderStack write them into those of the pipeline's worker.

    MESSAGE_MAPPING=examples.segment_mapping:map_message scripts/run-pipeline.sh worker

Copy and change it. A message that is not mapped becomes a dead letter with the cause ``unmapped``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

#: The version of the worker's interface that this was written for.
MESSAGE_MAPPING_VERSION = 1

# The object type of Customer.io that groups become.
_GROUP_TYPE = "1"


def map_message(message: dict[str, Any]) -> dict[str, Any] | None:
    """Return the message in a form that the worker knows, or ``None`` for a type that has no counterpart."""
    match message.get("type"):
        case "identify":
            return {
                "type": "identify",
                "userId": message.get("userId"),
                "payload": message.get("traits") or {},
            }
        case "track" | "page" | "screen" as kind:
            return {
                "type": "person",
                "identifiers": _person(message),
                "action": "event" if kind == "track" else kind,
                "name": message.get("event") or message.get("name"),
                "attributes": message.get("properties"),
                "timestamp": _unix_seconds(message.get("timestamp")),
            }
        case "group":
            return {
                "type": "object",
                "identifiers": {"object_type_id": _GROUP_TYPE, "object_id": message.get("groupId")},
                "action": "identify",
                "attributes": message.get("traits") or {},
                "cio_relationships": [{"identifiers": {"id": message["userId"]}}],
            }
        case "alias":
            return {
                "type": "person",
                "action": "merge",
                "primary": {"id": message.get("userId")},
                "secondary": {"id": message.get("previousId")},
            }
    return None


def _person(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("userId") is not None:
        return {"id": message["userId"]}
    return {"anonymous_id": message.get("anonymousId")}


def _unix_seconds(text: str | None) -> int | None:
    return None if text is None else int(datetime.fromisoformat(text).timestamp())
