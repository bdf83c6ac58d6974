"""The people and the event counts of a workspace, in memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from standin.acceptance_log import AcceptanceLog
from standin.anonymous_events import AnonymousEvents
from standin.person import KINDS, Identifier, Kind, Person, identifier, identifiers_among

# Bounds the memory of a long run: the number of event ids after which a repeated one may go unnoticed.
REMEMBERED_EVENT_IDS = 1_000_000


class PeopleStore:
    """Finds people by any of their identifiers, and counts people and events exactly.

    Each method follows Customer.io's description of the operation. As there, an operation on a suppressed
    person, or on a ``cio_id`` that nobody has, is ignored without an error, and the method returns ``False``.
    """

    def __init__(self) -> None:
        self.events = 0
        self.duplicates = 0
        self.people_created = 0
        # Set where a client asks when its operations are accepted.
        self.acceptance_log: AcceptanceLog | None = None
        self._by: dict[Kind, dict[str, Person]] = {kind: {} for kind in KINDS}
        # Each suppressed identifier, with all identifiers that were suppressed together with it.
        self._suppressed: dict[Identifier, tuple[Identifier, ...]] = {}
        # Two generations of ids, because discarding the older one costs less than discarding single ids.
        self._event_ids: set[str] = set()
        self._older_event_ids: set[str] = set()
        self._anonymous = AnonymousEvents()

    def __len__(self) -> int:
        return len(self._by["cio_id"])

    @property
    def suppressed(self) -> int:
        """How many identifiers are suppressed."""
        return len(self._suppressed)

    def find(self, who: Identifier) -> Person | None:
        """Return the person who has an identifier, or ``None``."""
        return self._by[who.kind].get(who.value)

    def find_or_create(self, who: Identifier) -> Person | None:
        """Return the person who has an identifier, who is created if unknown; ``None`` if suppressed."""
        if who in self._suppressed:
            return None
        return self.find(who) or self._create(who)

    def __iter__(self) -> Iterator[Person]:
        """Yield all people, oldest first."""
        return iter(self._by["cio_id"].values())

    def ids(self, prefix: str, at_most: int) -> list[str]:
        """Return ids that start with ``prefix``, oldest first. This looks at every person."""
        return list(islice((value for value in self._by["id"] if value.startswith(prefix)), at_most))

    # -- people -----------------------------------------------------------------------------------

    def identify(self, who: Identifier, attributes: Mapping[str, Any], update_only: bool = False) -> bool:
        """Update a person, or add one unless ``update_only``.

        The person is the one with the identifier ``who``. If there is none, it is the one with the id or the
        e-mail address among the attributes, who then gets the identifier ``who`` as well. A ``cio_id`` among
        the attributes always names the person, and nobody else is updated or added.
        """
        self._note_accepted(attributes)
        named = identifiers_among(attributes)
        if named and named[-1].kind == "cio_id":
            named = [who, *named[:-1]] if who.kind != "cio_id" else named[:-1]
            who = identifier("cio_id", str(attributes["cio_id"]))
        if who in self._suppressed or any(other in self._suppressed for other in named):
            return False
        person = self.find(who)
        if person is None:
            person = next((found for other in named if (found := self.find(other))), None)
            if person is None and not update_only:
                person = self._create(who)
            if person is None or who.kind == "cio_id":
                return False
            self._assign(person, who, replace=True)
        for other in named:
            # An identifier that is set changes only in a request that names its person by cio_id.
            self._assign(person, other, replace=who.kind == "cio_id")
        person.update(attributes)
        self._anonymous.join(person, attributes.get("anonymous_id"))
        return True

    def delete(self, who: Identifier) -> bool:
        """Delete a person."""
        person = self.find(who)
        if person is None:
            return False
        self._remove(person)
        return True

    def suppress(self, who: Identifier) -> bool:
        """Delete a person and suppress all of their identifiers."""
        person = self.find(who)
        if person is None and who.kind == "cio_id":
            return False
        together = {who}
        if person is not None:
            together.update(person.identifiers())
            self._remove(person)
        for suppressed in together:
            self._suppressed[suppressed] = tuple(together)
        return True

    def unsuppress(self, who: Identifier) -> bool:
        """Allow the identifiers again. The person stays deleted."""
        together = self._suppressed.get(who, ())
        for suppressed in together:
            self._suppressed.pop(suppressed, None)
        return bool(together)

    def merge(self, primary: Identifier, secondary: Identifier) -> bool:
        """Give the primary person what they lack of the secondary's, and delete the secondary person."""
        kept, merged = self.find(primary), self.find(secondary)
        if kept is None or merged is None or kept is merged:
            return False
        self._remove(merged)
        kept.update({**merged.attributes, **kept.attributes})
        for name, count in (merged.events or {}).items():
            kept.count_event(name, count)
        self._anonymous.hand_over(merged, kept)
        if merged.devices:
            kept.devices = {**merged.devices, **(kept.devices or {})}
        if merged.segments:
            kept.segments = merged.segments | (kept.segments or set())
        return True

    # -- events -----------------------------------------------------------------------------------

    def record_event(
        self,
        who: Identifier,
        name: str,
        event_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> bool:
        """Count an event of a person, who is created if unknown. A repeated ``event_id`` counts once.

        ``data`` is not stored.
        """
        self._note_accepted(data)
        person = self.find_or_create(who)
        if person is None or not self._remember(event_id):
            return False
        self.events += 1
        person.count_event(name)
        return True

    def record_anonymous_event(
        self,
        name: str,
        anonymous_id: str | None = None,
        event_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> bool:
        """Count an event of an unknown person.

        It joins the person who was or will be identified with its ``anonymous_id``. ``data`` is not stored.
        """
        self._note_accepted(data)
        if not self._remember(event_id):
            return False
        self.events += 1
        if anonymous_id is not None:
            self._anonymous.count(anonymous_id, name)
        return True

    # -- devices and segments ---------------------------------------------------------------------

    def add_device(self, who: Identifier, device_id: str, platform: str) -> bool:
        """Add a device to a person, who is created if unknown."""
        person = self.find_or_create(who)
        if person is None:
            return False
        person.devices = {**(person.devices or {}), device_id: platform}
        return True

    def delete_device(self, who: Identifier, device_id: str) -> bool:
        """Delete a device of a person."""
        person = self.find(who)
        return bool(person is not None and person.devices and person.devices.pop(device_id, None))

    def add_to_segment(self, segment_id: int, members: list[Identifier]) -> None:
        """Add the people who exist to a segment."""
        for person in filter(None, map(self.find, members)):
            person.segments = (person.segments or set()) | {segment_id}

    def remove_from_segment(self, segment_id: int, members: list[Identifier]) -> None:
        """Remove people from a segment."""
        for person in filter(None, map(self.find, members)):
            if person.segments:
                person.segments.discard(segment_id)

    # -- the parts --------------------------------------------------------------------------------

    def _note_accepted(self, attributes: Mapping[str, Any] | None) -> None:
        if self.acceptance_log is not None:
            self.acceptance_log.note(attributes, time.monotonic())

    def _create(self, who: Identifier) -> Person | None:
        if who.kind == "cio_id":
            return None  # Only the service assigns these.
        self.people_created += 1
        cio_id = f"{self.people_created:012x}"
        person = Person(cio_id)
        self._by["cio_id"][cio_id] = person
        self._assign(person, who, replace=True)
        return person

    def _remove(self, person: Person) -> None:
        for kind, value in person.identifiers():
            del self._by[kind][value]
        self._anonymous.forget(person)

    def _assign(self, person: Person, new: Identifier, replace: bool) -> None:
        if new.value in self._by[new.kind]:
            return  # This person has it already, or another does: then the update fails silently.
        old = getattr(person, new.kind)
        if old is not None:
            if not replace:
                return
            del self._by[new.kind][old]
        setattr(person, new.kind, new.value)
        self._by[new.kind][new.value] = person

    def _remember(self, event_id: str | None) -> bool:
        """Remember an event's id; return ``False`` and count a duplicate if it is known already."""
        if event_id is None:
            return True
        if event_id in self._event_ids or event_id in self._older_event_ids:
            self.duplicates += 1
            return False
        if len(self._event_ids) >= REMEMBERED_EVENT_IDS:
            self._older_event_ids, self._event_ids = self._event_ids, set()
        self._event_ids.add(event_id)
        return True
