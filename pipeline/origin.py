"""The position where a message was first read, also after replays, and the de-duplication id made from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ulid import ULID

_PREFIX = "replay-"
_LATEST_MS = (1 << 48) - 1
# Record times in seconds lie between these, from 2001 to the year 5138. As milliseconds they would lie
# between January 1970 and March 1973, and no record is from then.
_SECONDS = range(10**9, 10**11)
# The end of the year 9999 in milliseconds. Larger times are in microseconds or nanoseconds.
_MOST_MS = 253_402_300_799_999


class Origin(NamedTuple):
    """A position, and the record's time there in Unix milliseconds; -1 if unknown."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


class Record(Protocol):
    """The part of a Kafka record that is needed here, as aiokafka's records have it."""

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
    """Return the origin that a replay has put in the headers, else the record's own position."""
    return _replayed(record.headers) or Origin(
        record.topic, record.partition, record.offset, record.timestamp
    )


def normal_ms(timestamp: int) -> int:
    """Return a record's time in Unix milliseconds, also if its producer wrote it in another unit."""
    if timestamp in _SECONDS:
        return timestamp * 1000
    while timestamp > _MOST_MS:
        timestamp //= 1000
    return timestamp


def replay_headers(origin: Origin) -> list[tuple[str, bytes]]:
    """Return the headers with which a replayed message keeps its origin; ``origin_of`` reads them."""
    return [
        (_PREFIX + "topic", origin.topic.encode()),
        (_PREFIX + "partition", b"%d" % origin.partition),
        (_PREFIX + "offset", b"%d" % origin.offset),
        (_PREFIX + "timestamp", b"%d" % origin.timestamp_ms),
    ]


def deduplication_id(topic: str, partition: int, offset: int, timestamp_ms: int) -> str:
    """Return a ULID that is the same each time the message is read.

    Its time is the record's, so that a topic that was created anew does not repeat the ids of the old one. An
    unknown time, or one that a ULID cannot hold, counts as 0. The rest is the head of the position's SHA-256.
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
        # The headers are missing or not written by us. Kafka also allows a header without a value.
        return None
