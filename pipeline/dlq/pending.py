"""A dead letter with its position, and the filters that select dead letters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.dead_letter import DeadLetter, NotALetterError

#: The cause of a record on the dead-letter topic that is not a dead letter.
NOT_A_LETTER = "not_a_letter"


@dataclass(frozen=True)
class Pending:
    """A dead letter at its position on the topic, with the headers of its record.

    A record that is not a dead letter gets the cause ``not_a_letter``, so that it can be listed and purged.
    It cannot be replayed: it names no topic.
    """

    partition: int
    offset: int
    letter: DeadLetter
    headers: Sequence[tuple[str, bytes]] = field(repr=False)

    @property
    def position(self) -> str:
        """``partition:offset``."""
        return f"{self.partition}:{self.offset}"

    @property
    def can_be_replayed(self) -> bool:
        """Whether the letter names the topic that it came from."""
        return self.letter.cause != NOT_A_LETTER


def read_letter(
    key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]], timestamp_ms: int
) -> DeadLetter:
    """Return the dead letter of a record; see ``Pending`` for other records."""
    try:
        return DeadLetter.from_record(key, value, headers)
    except NotALetterError as error:
        return DeadLetter(key, value, NOT_A_LETTER, str(error), 0, "", -1, -1, timestamp_ms, timestamp_ms)


@dataclass(frozen=True)
class Selection:
    """Filters. A letter must match each filter that is set.

    Args:
        causes: the cause is one of these.
        since_ms, until_ms: dead-lettered at or after, and before; Unix milliseconds.
        partitions: the partition of the dead-letter topic is one of these.
        person: the message's key, or the ``userId`` in its value.
    """

    causes: frozenset[str] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None
    partitions: frozenset[int] = frozenset()
    person: str | None = None

    def has(self, partition: int, letter: DeadLetter) -> bool:
        """Return whether a letter matches."""
        return (
            (not self.causes or letter.cause in self.causes)
            and (self.since_ms is None or letter.failed_at_ms >= self.since_ms)
            and (self.until_ms is None or letter.failed_at_ms < self.until_ms)
            and (not self.partitions or partition in self.partitions)
            and (self.person is None or _is_of(letter, self.person))
        )


def _is_of(letter: DeadLetter, person: str) -> bool:
    if letter.key is not None and letter.key == person.encode("utf-8", "surrogateescape"):
        return True
    try:
        message = json.loads(letter.value or b"")
    except (ValueError, RecursionError):
        return False
    return isinstance(message, dict) and str(message.get("userId")) == person
