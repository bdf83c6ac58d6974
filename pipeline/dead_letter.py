"""A message that Customer.io will never take, and why: as a Kafka record and as a line of a file.

The record's key and value are the message's own, byte for byte; what is known of its end is in headers.
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
# The client sends no record that has neither key nor value; such a message's letter has an empty value
# and this header.
_NOTHING = (_PREFIX + "nothing", b"true")


class NotALetterError(ValueError):
    """A record or line that is no dead letter; the message names what is missing or wrong."""


class LetterRecord(NamedTuple):
    """What is sent to Kafka for a letter."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True)
class DeadLetter:
    """A message and its end. Its ``repr`` says nothing of the person.

    Args:
        key, value: the message's own; both may be missing.
        cause: a word for programs: ``not_json``, ``unknown_type``, ``too_large``, ``refused`` ...
        detail: for people.
        attempts: requests that carried it.
        topic, partition, offset: where it was read first, see ``pipeline.origin``.
        timestamp_ms: the message's time there, Unix milliseconds; -1 if unknown.
        failed_at_ms: when it was given up, Unix milliseconds.
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
        return Origin(self.topic, self.partition, self.offset, self.timestamp_ms)

    @property
    def size_bytes(self) -> int:
        """Of key and value."""
        return len(self.key or b"") + len(self.value or b"")

    def to_record(self) -> LetterRecord:
        headers = [(_header(name), _encoded(str(getattr(self, name)))) for name in _FACTS]
        if self.key is None and self.value is None:
            return LetterRecord(None, b"", [*headers, _NOTHING])
        return LetterRecord(self.key, self.value, headers)

    @classmethod
    def from_record(
        cls, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> DeadLetter:
        """Reads what ``to_record`` wrote; other headers are left alone.

        Raises:
            NotALetterError: a header is missing or has another form.
        """
        if _NOTHING in headers:
            value = None
        texts = {name: (content or b"").decode("utf-8", "replace") for name, content in headers}
        facts = {name: texts.get(_header(name)) for name in _FACTS}
        read: dict[str, Any] = {name: _number(facts[name], _header(name)) for name in _NUMBERS}
        read |= {name: _word(facts[name], _header(name)) for name in _WORDS}
        return cls(key=key, value=value, **read)

    def to_json(self) -> dict[str, Any]:
        """Bytes as text where they are UTF-8, else as ``{"base64": ...}``."""
        facts = {name: _clean(getattr(self, name)) for name in _FACTS}
        return {**facts, "key": _readable(self.key), "value": _readable(self.value)}

    def to_json_line(self) -> str:
        """One line of a file of dead letters, with its line feed."""
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":")) + "\n"

    @classmethod
    def from_json_line(cls, line: str | bytes) -> DeadLetter:
        """Reads what ``to_json_line`` wrote.

        Raises:
            NotALetterError: it is something else.
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
    # Half of a surrogate pair, from an answer of the API, must not keep a letter from being written.
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
        raise NotALetterError(f'{name}: expected a text, null or {{"base64": ...}}') from None


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
    raise NotALetterError(f"{place}: expected a text")
