"""The people and the event counts of a workspace, in memory."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Literal, NamedTuple

from config.customerio.limits import limit

Kind = Literal["id", "email", "phone", "cio_id"]

# These bound the memory of a long run: the names of a person's events (all events are counted), and the
# number of event ids after which a repeated one may no longer be recognised.
EVENT_NAMES_PER_PERSON = 100
REMEMBERED_EVENT_IDS = 1_000_000
# So is the number of anonymous ids whose events wait for a person.
REMEMBERED_ANONYMOUS_IDS = 1_000_000

_ATTRIBUTES_PER_PERSON = limit("attributes_per_person")
_CIO_PREFIX = "cio_"
_PREFERENCES = "cio_subscription_preferences"
# The dotted form of an attribute's name, which changes one topic and leaves the others as they are.
TOPIC_PREFIX = f"{_PREFERENCES}.topics."


class Identifier(NamedTuple):
    """One identifier of a person. E-mail addresses are in lower case: Customer.io ignores their case."""

    kind: Kind
    value: str


def identifier(kind: Kind, value: str) -> Identifier:
    """Return an identifier in the form in which the store compares it.

    A ``cio_id`` may be given with or without the prefix ``cio_``.
    """
    match kind:
        case "email":
            value = value.lower()
        case "cio_id":
            value = value.removeprefix(_CIO_PREFIX)
    return Identifier(kind, value)


def identifier_in_path(text: str) -> Identifier:
    """Return the identifier in a v1 path, by its shape: an e-mail address, ``cio_<id>``, or else an id."""
    if "@" in text:
        return identifier("email", text)
    return identifier("cio_id" if text.startswith(_CIO_PREFIX) else "id", text)


class Person:
    """What is stored of a person. Of events only the number of each name is stored."""

    __slots__ = (
        *("anonymous_ids", "attributes", "cio_id", "devices"),
        *("email", "events", "id", "phone", "segments"),
    )

    def __init__(self, cio_id: str) -> None:
        self.cio_id: str | None = cio_id
        self.id: str | None = None
        self.email: str | None = None
        self.phone: str | None = None
        self.attributes: dict[str, Any] = {}
        # Most people of a load test have none of these, and an empty dictionary costs 64 bytes.
        self.events: dict[str, int] | None = None
        self.devices: dict[str, str] | None = None
        self.segments: set[int] | None = None
        self.anonymous_ids: set[str] | None = None

    def identifiers(self) -> Iterator[Identifier]:
        """Yield all identifiers that the person has."""
        for kind in _KINDS:
            value = getattr(self, kind)
            if value is not None:
                yield Identifier(kind, value)

    def as_json(self) -> dict[str, Any]:
        return {
            "cio_id": self.cio_id,
            "id": self.id,
            "email": self.email,
            "phone": self.phone,
            "attributes": self.attributes,
            "events": self.events or {},
            "devices": self.devices or {},
            "segments": sorted(self.segments or ()),
        }


_KINDS: tuple[Kind, ...] = ("cio_id", "id", "email", "phone")
# The identifiers that may stand among the attributes of an identify call.
KINDS_IN_ATTRIBUTES: tuple[Kind, ...] = ("id", "email", "cio_id")


class PeopleStore:
    """Finds people by any of their identifiers, and counts people and events exactly.

    Each method follows Customer.io's description of the operation. As there, an operation on a suppressed
    person, or on a ``cio_id`` that nobody has, is ignored without an error, and the method returns ``False``.
    """

    def __init__(self) -> None:
        self.events = 0
        self.duplicates = 0
        self.people_created = 0
        self._by: dict[Kind, dict[str, Person]] = {kind: {} for kind in _KINDS}
        # Each suppressed identifier, with all identifiers that were suppressed together with it.
        self._suppressed: dict[Identifier, tuple[Identifier, ...]] = {}
        # Two generations of ids, because discarding the older one costs less than discarding single ids.
        self._event_ids: set[str] = set()
        self._older_event_ids: set[str] = set()
        # Event counts by anonymous id, until a person is identified with it.
        self._anonymous_events: OrderedDict[str, dict[str, int]] = OrderedDict()
        # Who was first identified with an anonymous id. ``None``: the person was deleted, the id stays used.
        self._anonymous_owners: dict[str, Person | None] = {}

    def __len__(self) -> int:
        return len(self._by["cio_id"])

    @property
    def suppressed(self) -> int:
        """How many identifiers are suppressed."""
        return len(self._suppressed)

    def find(self, who: Identifier) -> Person | None:
        """Return the person who has an identifier, or ``None``."""
        return self._by[who.kind].get(who.value)

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
        named = _identifiers_among(attributes)
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
        _update_attributes(person, attributes)
        self._join_anonymous_events(person, attributes.get("anonymous_id"))
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
        _update_attributes(kept, {**merged.attributes, **kept.attributes})
        for name, count in (merged.events or {}).items():
            _count_event(kept, name, count)
        for anonymous_id in merged.anonymous_ids or ():
            self._own(anonymous_id, kept)
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
        person = self._find_or_create(who)
        if person is None or not self._remember(event_id):
            return False
        self.events += 1
        _count_event(person, name, 1)
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
        if not self._remember(event_id):
            return False
        self.events += 1
        if anonymous_id is None:
            return True
        if anonymous_id not in self._anonymous_owners:
            _count(self._waiting_events(anonymous_id), name, 1)
        elif (owner := self._anonymous_owners[anonymous_id]) is not None:
            _count_event(owner, name, 1)
        return True

    # -- devices and segments ---------------------------------------------------------------------

    def add_device(self, who: Identifier, device_id: str, platform: str) -> bool:
        """Add a device to a person, who is created if unknown."""
        person = self._find_or_create(who)
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

    def _find_or_create(self, who: Identifier) -> Person | None:
        if who in self._suppressed:
            return None
        return self.find(who) or self._create(who)

    def _create(self, who: Identifier) -> Person | None:
        if who.kind == "cio_id":
            return None  # Only the service assigns these.
        self.people_created += 1
        person = Person(f"{self.people_created:012x}")
        self._by["cio_id"][f"{self.people_created:012x}"] = person
        self._assign(person, who, replace=True)
        return person

    def _remove(self, person: Person) -> None:
        for kind, value in person.identifiers():
            del self._by[kind][value]
        for anonymous_id in person.anonymous_ids or ():
            self._anonymous_owners[anonymous_id] = None

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

    def _join_anonymous_events(self, person: Person, attribute: object) -> None:
        """Give a person the events with their anonymous id, unless somebody had that id first."""
        if attribute is None or attribute == "" or str(attribute) in self._anonymous_owners:
            return
        anonymous_id = str(attribute)
        self._own(anonymous_id, person)
        for name, count in self._anonymous_events.pop(anonymous_id, {}).items():
            _count_event(person, name, count)

    def _own(self, anonymous_id: str, person: Person) -> None:
        self._anonymous_owners[anonymous_id] = person
        person.anonymous_ids = (person.anonymous_ids or set()) | {anonymous_id}

    def _waiting_events(self, anonymous_id: str) -> dict[str, int]:
        """Return the counts of an anonymous id's events; forget the oldest id if there are too many."""
        counts = self._anonymous_events.setdefault(anonymous_id, {})
        if len(self._anonymous_events) > REMEMBERED_ANONYMOUS_IDS:
            self._anonymous_events.popitem(last=False)
        return counts

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


def _identifiers_among(attributes: Mapping[str, Any]) -> list[Identifier]:
    found = []
    for kind in KINDS_IN_ATTRIBUTES:
        value = attributes.get(kind)
        if value is not None and value != "":
            found.append(identifier(kind, str(value)))
    return found


def _update_attributes(person: Person, attributes: Mapping[str, Any]) -> None:
    kept = person.attributes
    topics: dict[str, Any] = {}
    for name, value in attributes.items():
        if name in KINDS_IN_ATTRIBUTES:
            continue
        if name.startswith(TOPIC_PREFIX):
            topics[name.removeprefix(TOPIC_PREFIX)] = value
        elif value is None or value == "":
            kept.pop(name, None)
        elif name in kept or len(kept) < _ATTRIBUTES_PER_PERSON:
            # All people have the same few attribute names, so each name is kept in memory once.
            kept[sys.intern(name)] = value
    if topics and (_PREFERENCES in kept or len(kept) < _ATTRIBUTES_PER_PERSON):
        kept[_PREFERENCES] = _with_topics(kept.get(_PREFERENCES), topics)


def _with_topics(preferences: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return subscription preferences with some topics changed; ``None`` or ``""`` removes a topic."""
    kept = preferences if isinstance(preferences, dict) else {}
    topics = kept.get("topics")
    topics = {**topics, **changes} if isinstance(topics, dict) else changes
    return {**kept, "topics": {topic: value for topic, value in topics.items() if value not in (None, "")}}


def _count_event(person: Person, name: str, count: int) -> None:
    if person.events is None:
        person.events = {}
    _count(person.events, name, count)


def _count(counts: dict[str, int], name: str, count: int) -> None:
    if name in counts or len(counts) < EVENT_NAMES_PER_PERSON:
        counts[sys.intern(name)] = counts.get(name, 0) + count
