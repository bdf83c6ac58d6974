"""The ids of events that were kept, so that none is kept twice."""

from __future__ import annotations


class Seen:
    """A set of at least the latest ``at_least`` ids, and at most twice as many.

    Two generations, because discarding the older one whole costs less than discarding single ids.
    """

    def __init__(self, at_least: int) -> None:
        self._at_least = at_least
        self._newer: set[str] = set()
        self._older: set[str] = set()

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._newer or event_id in self._older

    def add(self, event_id: str) -> None:
        """Remember an id."""
        if len(self._newer) >= self._at_least:
            self._older, self._newer = self._newer, set()
        self._newer.add(event_id)
