"""Where a message was read first, however often it is replayed, and the id that follows from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ulid import ULID

_PREFIX = "replay-"
_LATEST_MS = (1 << 48) - 1


class Origin(NamedTuple):
    """A position, and the record's own time there: Unix milliseconds, -1 if unknown."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


class Record(Protocol):
    """What a Kafka record must have here; aiokafka's has it."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


def origin_of(record: Record) -> Origin:
    """The position that a replay has put in the headers; else the record's own."""
    return _replayed(record.headers) or Origin(
        record.topic, record.partition, record.offset, record.timestamp
    )


def replay_headers(origin: Origin) -> list[tuple[str, bytes]]:
    """What ``origin_of`` reads: a message that is sent again with these keeps its origin."""
    return [
        (_PREFIX + "topic", origin.topic.encode()),
        (_PREFIX + "partition", b"%d" % origin.partition),
        (_PREFIX + "offset", b"%d" % origin.offset),
        (_PREFIX + "timestamp", b"%d" % origin.timestamp_ms),
    ]


def deduplication_id(topic: str, partition: int, offset: int, timestamp_ms: int) -> str:
    """A ULID that is the same whenever the message is read.

    Its time is the record's (0 if that is unknown or no time of a ULID), so that a topic made anew does not
    give the ids of the old one; the rest is the head of the position's SHA-256.
    """
    time_ms = timestamp_ms if 0 <= timestamp_ms <= _LATEST_MS else 0
    position = json.dumps([topic, partition, offset]).encode()
    return str(ULID.from_bytes(time_ms.to_bytes(6, "big") + hashlib.sha256(position).digest()[:10]))


def _replayed(headers: Sequence[tuple[str, bytes]]) -> Origin | None:
    ours = {name: value for name, value in headers if name.startswith(_PREFIX)}
    try:
        return Origin(
            topic=ours[_PREFIX + "topic"].decode(),
            partition=int(ours[_PREFIX + "partition"]),
            offset=int(ours[_PREFIX + "offset"]),
            timestamp_ms=int(ours[_PREFIX + "timestamp"]),
        )
    except (KeyError, ValueError, TypeError, AttributeError):
        # Not ours, or without a value, as Kafka allows.
        return None
