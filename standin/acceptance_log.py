"""When operations were accepted, for a client that marks each with an id of its own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import Any

MOST_ENTRIES = 10_000
"""Entries in one answer."""

MOST_KEPT = 1_000_000
"""Entries that are kept, about 200 MB: beyond them the oldest go, and their reader is told so."""

# An id is a short string. What is longer would let a client fill the memory.
_MOST_ID_CHARACTERS = 200


class AcceptanceLog:
    """The ids of accepted operations, each with the instant of its acceptance, until they are confirmed.

    An operation's id is the value of one of its attributes, or of one of an event's data. An operation
    without it has no entry, and one that is sent again has one each time. There is one reader: when it reads
    from an entry on, those before it are discarded.

    Args:
        attribute: the name of the attribute that holds the id.
    """

    def __init__(self, attribute: str) -> None:
        self.attribute = attribute
        self._entries: deque[tuple[str, float]] = deque()
        # The number of the entry at the head; numbers begin at 0 and rise.
        self._first = 0

    def note(self, attributes: Mapping[str, Any] | None, at: float) -> None:
        """Record that an operation with these attributes was accepted at a monotonic instant."""
        value = attributes.get(self.attribute) if attributes else None
        if isinstance(value, str) and len(value) <= _MOST_ID_CHARACTERS:
            self._entries.append((value, at))
            if len(self._entries) > MOST_KEPT:
                self._discard(1)

    def read(self, after: int) -> dict[str, Any]:
        """Return the entries from number ``after`` on, at most ``MOST_ENTRIES``, and discard those before.

        ``clock`` is this machine's monotonic clock now, on which the instants of the entries are; ``next`` is
        the number to read from the next time.

        Raises:
            ValueError: the entries from ``after`` on are not there: discarded, or still to come.
        """
        newest = self._first + len(self._entries)
        if not self._first <= after <= newest:
            raise ValueError(f"after: expected {self._first} to {newest}, got {after}")
        self._discard(after - self._first)
        entries = list(islice(self._entries, MOST_ENTRIES))
        return {
            "attribute": self.attribute,
            "accepted": entries,
            "next": after + len(entries),
            "clock": time.monotonic(),
        }

    def _discard(self, count: int) -> None:
        for _ in range(count):
            self._entries.popleft()
        self._first += count
