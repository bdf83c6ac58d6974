"""Checks of the parts of a message, and the error for one that cannot be parsed.

A message that cannot be parsed has a cause, one word for programs, and a detail for people. The detail names
places and sizes. It never repeats the content, which is personal data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.customerio.identifiers import flaw_of_identifier
from config.customerio.limits import limit

_EVENT_NAME_BYTES = limit("event_name_bytes")
_ANONYMOUS_ID_BYTES = limit("attribute_value_bytes")
#: Unix seconds, the end of the year 9999. A larger number is in milliseconds or a smaller unit.
LATEST_TIMESTAMP = 253_402_300_799
# Below this, a float holds each whole number exactly.
_EXACT = 2**53
# The names that event data have in our own messages, in Track v1 and in Track v2.
_DATA_NAMES = ("properties", "data", "attributes")


class PoisonError(ValueError):
    """The message cannot be parsed; retrying will not help.

    Args:
        cause: ``tombstone``, ``not_utf8``, ``not_json``, ``too_deep``, ``not_an_object``, ``unknown_type``,
            ``unknown_action``, ``unmapped``, ``bad_user_id`` or ``bad_payload``.
        detail: the part that is wrong, and what was expected.
    """

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


def whole_number(value: object) -> int | None:
    """Return a whole number, or ``None`` for anything else.

    ``1712345678.0`` is one: some programs write all numbers as floats.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return None


def identifier(value: object, place: str) -> str:
    """Return an identifier; a whole number stands for its digits, as systems that number users send it.

    Raises:
        PoisonError: it is something else, or cannot be sent.
    """
    number = whole_number(value)
    text = value if number is None else str(number)
    if not isinstance(text, str):
        raise PoisonError("bad_user_id", f"{place}: expected a string, got {name_of(value)}")
    utf8_bytes(text, place)
    flaw = flaw_of_identifier(text)
    if flaw is not None:
        raise PoisonError("bad_user_id", f"{place}: {flaw}")
    return text


def anonymous_id(value: object, place: str) -> str:
    """Return an anonymous id. It is never part of a path, so any text is one.

    Raises:
        PoisonError: it is neither a text nor a whole number, empty, or too long.
    """
    number = whole_number(value)
    text = value if number is None else str(number)
    if not isinstance(text, str) or not text.strip():
        raise PoisonError("bad_user_id", f"{place}: expected a string that is not empty")
    size = utf8_bytes(text, place)
    if size > _ANONYMOUS_ID_BYTES:
        raise PoisonError("bad_user_id", f"{place}: {size} bytes, at most {_ANONYMOUS_ID_BYTES}")
    return text


def event_name(value: object, place: str) -> str:
    """Return an event's name without outer blanks.

    Raises:
        PoisonError: it is no string, empty or too long.
    """
    if not isinstance(value, str):
        raise PoisonError("bad_payload", f"{place}: expected a string, got {name_of(value)}")
    name = value.strip()
    if not name:
        raise PoisonError("bad_payload", f"{place}: empty")
    size = utf8_bytes(name, place)
    if size > _EVENT_NAME_BYTES:
        raise PoisonError("bad_payload", f"{place}: {size} bytes, at most {_EVENT_NAME_BYTES}")
    return name


def event_data(source: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Return an event's data under whichever of their three names; empty if there are none.

    Args:
        source: where they are.
        place: the place of ``source``, with a full stop, or empty.

    Raises:
        PoisonError: they are no object, or there are two that differ, of which one would be lost.
    """
    found: dict[str, Any] | None = None
    for name in _DATA_NAMES:
        data = source.get(name)
        if data is None:
            continue
        if not isinstance(data, dict):
            raise PoisonError("bad_payload", f"{place}{name}: expected an object, got {name_of(data)}")
        if found and data and data != found:
            raise PoisonError("bad_payload", f"{place}{name}: expected one of {', '.join(_DATA_NAMES)}")
        found = found or data
    return found or {}


def unix_seconds(value: object, place: str) -> int | None:
    """Return a time in Unix seconds; ``None`` for none.

    Raises:
        PoisonError: it is no whole number, or in another unit.
    """
    if value is None:
        return None
    timestamp = whole_number(value)
    if timestamp is None:
        raise PoisonError("bad_payload", f"{place}: expected whole Unix seconds, got {name_of(value)}")
    if not 0 <= timestamp <= LATEST_TIMESTAMP:
        raise PoisonError("bad_payload", f"{place}: expected Unix seconds")
    return timestamp


def utf8_bytes(text: str, place: str) -> int:
    """Return the size of a text.

    Raises:
        PoisonError: it has no UTF-8 form.
    """
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise PoisonError("not_utf8", f"{place}: half of a surrogate pair") from None


def name_of(value: object) -> str:
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
