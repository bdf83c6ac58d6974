"""Filters of people and objects, as the App API has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from standin.json_body import Json
from standin.objects import StoredObject
from standin.person import Person
from standin.responses import Invalid

_DEEPEST = 20


def check_filter(condition: Json, field: str, depth: int = 0) -> Mapping[str, Any]:
    """Return a filter whose form is right.

    Raises:
        Invalid: it is not one condition, or is nested too deeply.
    """
    if not isinstance(condition, dict) or len(condition) != 1 or depth > _DEEPEST:
        raise Invalid("expected one of and, or, not, segment, attribute, object_attribute", field)
    ((operator, value),) = condition.items()
    if operator in ("and", "or") and isinstance(value, list):
        for part in value:
            check_filter(part, f"{field}.{operator}", depth + 1)
    elif operator == "not":
        check_filter(value, f"{field}.not", depth + 1)
    elif operator in ("attribute", "object_attribute") and isinstance(value, dict):
        if not isinstance(value.get("field"), str) or value.get("operator") not in ("eq", "exists"):
            raise Invalid("expected field, and eq or exists as operator", f"{field}.{operator}")
    elif operator != "segment" or not isinstance(value, dict) or _segment_id(value) is None:
        raise Invalid("expected one of and, or, not, segment, attribute, object_attribute", field)
    return condition


def matches(condition: Mapping[str, Any], target: Person | StoredObject) -> bool:
    """Whether a filter that was checked matches a person or an object."""
    ((operator, value),) = condition.items()
    match operator:
        case "and":
            return all(matches(part, target) for part in value)
        case "or":
            return any(matches(part, target) for part in value)
        case "not":
            return not matches(value, target)
        case "segment":
            return isinstance(target, Person) and _segment_id(value) in (target.segments or ())
    held = _attribute(target, value["field"])
    if value["operator"] == "exists":
        return held is not None
    return held is not None and _as_text(held) == _as_text(value.get("value"))


def _segment_id(value: Mapping[str, Any]) -> int | None:
    segment_id = value.get("id")
    return segment_id if isinstance(segment_id, int) and not isinstance(segment_id, bool) else None


def _attribute(target: Person | StoredObject, name: str) -> Any:
    if isinstance(target, Person) and name in ("id", "email", "cio_id"):
        return getattr(target, name)
    return target.attributes.get(name)


def _as_text(value: Any) -> str:
    """The App API compares attributes as strings."""
    return str(value).lower() if isinstance(value, bool) else str(value)
