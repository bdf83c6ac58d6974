"""Anonymous events, and the person whom they join."""

from __future__ import annotations

from collections import OrderedDict

from standin.person import Person, add_events

# Bounds the memory of a long run: the number of anonymous ids whose events wait for a person.
REMEMBERED_ANONYMOUS_IDS = 1_000_000


class AnonymousEvents:
    """Counts events by anonymous id, and moves them to the person who is identified with that id.

    An anonymous id is not reusable: it belongs to the first person who is identified with it. Their later
    anonymous events are counted at once.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, dict[str, int]] = OrderedDict()
        # ``None``: the person was deleted, and the id stays used.
        self._owners: dict[str, Person | None] = {}

    def count(self, anonymous_id: str, name: str) -> None:
        """Count an event, for the person if there is one, else until there is."""
        if anonymous_id not in self._owners:
            add_events(self._waiting.setdefault(anonymous_id, {}), name, 1)
            if len(self._waiting) > REMEMBERED_ANONYMOUS_IDS:
                self._waiting.popitem(last=False)
        elif (owner := self._owners[anonymous_id]) is not None:
            owner.count_event(name)

    def join(self, person: Person, attribute: object) -> None:
        """Give a person the events with their attribute ``anonymous_id``, unless it belongs to somebody."""
        if attribute is None or attribute == "" or str(attribute) in self._owners:
            return
        anonymous_id = str(attribute)
        self._own(anonymous_id, person)
        for name, count in self._waiting.pop(anonymous_id, {}).items():
            person.count_event(name, count)

    def hand_over(self, merged: Person, kept: Person) -> None:
        """Give the anonymous ids of a merged person to the person who stays."""
        for anonymous_id in merged.anonymous_ids or ():
            self._own(anonymous_id, kept)

    def forget(self, person: Person) -> None:
        """Leave the anonymous ids of a deleted person without an owner."""
        for anonymous_id in person.anonymous_ids or ():
            self._owners[anonymous_id] = None

    def _own(self, anonymous_id: str, person: Person) -> None:
        self._owners[anonymous_id] = person
        person.anonymous_ids = (person.anonymous_ids or set()) | {anonymous_id}
