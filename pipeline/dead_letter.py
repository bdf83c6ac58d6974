"""A message that Customer.io will never accept, and why: as a Kafka record and as a line of a file.

The record has the key and the value of the message, byte for byte. Headers say why it was dead-lettered.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pipeline.origin import Origin

_PREFIX = "dlq-"
_WORDS = ("cause", "detail", "topic")
_NUMBERS = ("attempts", "partition", "offset", "timestamp_ms", "failed_at_ms")
_FACTS = (*_WORDS, *_NUMBERS)
# aiokafka sends no record with neither key nor value. The dead letter of such a message has an empty value
# and this header.
_NOTHING = (_PREFIX + "nothing", b"true")


class NotALetterError(ValueError):
    """A record or line is not a dead letter; the error names what is missing or wrong."""


class LetterRecord(NamedTuple):
    """A dead letter as Kafka stores it."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True)
class DeadLetter:
    """A message and why it was dead-lettered. Its ``repr`` holds no personal data.

    Args:
        key, value: the bytes of the message; both may be missing.
        cause: one word for programs: ``not_json``, ``unknown_type``, ``too_large``, ``refused`` ...
        detail: a sentence for people.
        attempts: the number of requests that carried the message.
        topic, partition, offset: the position where it was first read, see ``pipeline.origin``.
        timestamp_ms: the message's time at that position, Unix milliseconds; -1 if unknown.
        failed_at_ms: when it was dead-lettered, Unix milliseconds.
    """

    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    cause: str
    detail: str = field(repr=False)
    attempts: int
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    failed_at_ms: int

    @property
    def origin(self) -> Origin:
        """Where the message was first read."""
        return Origin(self.topic, self.partition, self.offset, self.timestamp_ms)

    @property
    def size_bytes(self) -> int:
        """The bytes of key and value."""
        return len(self.key or b"") + len(self.value or b"")

    def to_record(self) -> LetterRecord:
        """Return the Kafka record of this dead letter."""
        headers = [(_header(name), _encoded(str(getattr(self, name)))) for name in _FACTS]
        if self.key is None and self.value is None:
            return LetterRecord(None, b"", [*headers, _NOTHING])
        return LetterRecord(self.key, self.value, headers)

    @classmethod
    def from_record(
        cls, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> DeadLetter:
        """Return the dead letter that ``to_record`` wrote. Other headers are ignored.

        Raises:
            NotALetterError: a header is missing or malformed.
        """
        if _NOTHING in headers:
            value = None
        texts = {name: (content or b"").decode("utf-8", "replace") for name, content in headers}
        facts = {name: texts.get(_header(name)) for name in _FACTS}
        read: dict[str, Any] = {name: _number(facts[name], _header(name)) for name in _NUMBERS}
        read |= {name: _word(facts[name], _header(name)) for name in _WORDS}
        return cls(key=key, value=value, **read)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON object. Bytes that are UTF-8 become a string, others ``{"base64": ...}``."""
        facts = {name: _clean(getattr(self, name)) for name in _FACTS}
        return {**facts, "key": _readable(self.key), "value": _readable(self.value)}

    def to_json_line(self) -> str:
        """Return a line for a file of dead letters, with a line feed at its end."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":")) + "\n"

    @classmethod
    def from_json_line(cls, line: str | bytes) -> DeadLetter:
        """Return the dead letter that ``to_json_line`` wrote.

        Raises:
            NotALetterError: the line is something else.
        """
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            raise NotALetterError("expected JSON") from None
        if not isinstance(content, dict):
            raise NotALetterError("expected a JSON object")
        read: dict[str, Any] = {name: _whole(content.get(name), name) for name in _NUMBERS}
        read |= {name: _word(content.get(name), name) for name in _WORDS}
        return cls(key=_bytes(content, "key"), value=_bytes(content, "value"), **read)


def _header(name: str) -> str:
    return _PREFIX + name.replace("_", "-")


def _encoded(text: str) -> bytes:
    # An answer of the API may hold half of a surrogate pair. The dead letter must be written all the same.
    return text.encode("utf-8", "backslashreplace")


def _clean(fact: str | int) -> str | int:
    return _encoded(fact).decode() if isinstance(fact, str) else fact


def _readable(content: bytes | None) -> str | dict[str, str] | None:
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _bytes(content: dict[str, Any], name: str) -> bytes | None:
    given = content.get(name)
    try:
        if given is None:
            return None
        if isinstance(given, str):
            return given.encode()
        return base64.b64decode(given["base64"], validate=True)
    except (KeyError, TypeError, UnicodeEncodeError, binascii.Error):
        raise NotALetterError(f'{name}: expected a string, null or {{"base64": ...}}') from None


def _number(text: str | None, place: str) -> int:
    try:
        return int(text or "")
    except ValueError:
        raise NotALetterError(f"{place}: expected a whole number") from None


def _whole(value: object, place: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise NotALetterError(f"{place}: expected a whole number")


def _word(value: object, place: str) -> str:
    if isinstance(value, str):
        return value
    raise NotALetterError(f"{place}: expected a string")
