"""The people and events of a workspace, in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Literal, NamedTuple

from config.customerio.limits import limit

Kind = Literal["id", "email", "phone", "cio_id"]

# Bounds on what a long run may make the store remember: the names of a person's events (all events
# are counted), and how far back at least a repeated event id is recognised.
EVENT_NAMES_PER_PERSON = 100
REMEMBERED_EVENT_IDS = 1_000_000

_ATTRIBUTES_PER_PERSON = limit("attributes_per_person")
_CIO_PREFIX = "cio_"


class Identifier(NamedTuple):
    """One way to name a person. E-mail addresses are in lower case: Customer.io ignores case."""

    kind: Kind
    value: str


def identifier(kind: Kind, value: str) -> Identifier:
    """An identifier in the form in which the store compares it."""
    return Identifier(kind, value.lower() if kind == "email" else value)


def identifier_in_path(text: str) -> Identifier:
    """Track v1 tells the kinds apart by their shape: ``cio_<id>``, an address, or else an id."""
    if text.startswith(_CIO_PREFIX):
        return Identifier("cio_id", text.removeprefix(_CIO_PREFIX))
    return identifier("email" if "@" in text else "id", text)


class Person:
    """What is kept of one person. Of events only how many of each name."""

    __slots__ = ("attributes", "cio_id", "devices", "email", "events", "id", "phone", "segments")

    def __init__(self, cio_id: str) -> None:
        self.cio_id: str | None = cio_id
        self.id: str | None = None
        self.email: str | None = None
        self.phone: str | None = None
        self.attributes: dict[str, Any] = {}
        # Most people of a load test have none of these.
        self.events: dict[str, int] | None = None
        self.devices: dict[str, str] | None = None
        self.segments: set[int] | None = None

    def identifiers(self) -> Iterator[Identifier]:
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
# The identifiers that an identify call may carry among its attributes.
KINDS_IN_ATTRIBUTES: tuple[Kind, ...] = ("id", "email")


class PeopleStore:
    """People found by any of their identifiers, with exact counts.

    Every method follows what Customer.io publishes about the operation. A request that names a
    suppressed person, or a ``cio_id`` that nobody has, is ignored without an error, as there; what
    may be ignored returns whether it was not.
    """

    def __init__(self) -> None:
        self.events = 0
        self.duplicates = 0
        self.people_created = 0
        self._by: dict[Kind, dict[str, Person]] = {kind: {} for kind in _KINDS}
        # Each suppressed identifier with all those suppressed together with it.
        self._suppressed: dict[Identifier, tuple[Identifier, ...]] = {}
        # The latest ids and those before them: dropping the older half is cheaper than one at a time.
        self._event_ids: set[str] = set()
        self._older_event_ids: set[str] = set()

    def __len__(self) -> int:
        return len(self._by["cio_id"])

    @property
    def suppressed(self) -> int:
        """How many identifiers are suppressed."""
        return len(self._suppressed)

    def find(self, who: Identifier) -> Person | None:
        return self._by[who.kind].get(who.value)

    def ids(self, prefix: str, at_most: int) -> list[str]:
        """Ids that start with ``prefix``, in the order of their creation. Looks at every person."""
        return list(islice((value for value in self._by["id"] if value.startswith(prefix)), at_most))

    # -- people -----------------------------------------------------------------------------------

    def identify(self, who: Identifier, attributes: Mapping[str, Any], update_only: bool = False) -> bool:
        """Adds a person or updates the one who is meant.

        That is the person named by ``who``; failing that, the one who has the id or the address
        among the attributes, who then gets the identifier in ``who`` as well.
        """
        named = _identifiers_among(attributes)
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
            # Once set, an identifier changes only in a request that names its person by cio_id.
            self._assign(person, other, replace=who.kind == "cio_id")
        _update_attributes(person, attributes)
        return True

    def delete(self, who: Identifier) -> bool:
        person = self.find(who)
        if person is None:
            return False
        self._remove(person)
        return True

    def suppress(self, who: Identifier) -> None:
        """Deletes the person and bars all of their identifiers."""
        person = self.find(who)
        together = {who}
        if person is not None:
            together.update(person.identifiers())
            self._remove(person)
        for each in together:
            self._suppressed[each] = tuple(together)

    def unsuppress(self, who: Identifier) -> bool:
        """Frees the identifiers again; the person stays deleted."""
        together = self._suppressed.get(who, ())
        for each in together:
            self._suppressed.pop(each, None)
        return bool(together)

    def merge(self, primary: Identifier, secondary: Identifier) -> bool:
        """Moves what the primary person lacks from the secondary, who is then deleted."""
        kept, given_up = self.find(primary), self.find(secondary)
        if kept is None or given_up is None or kept is given_up:
            return False
        self._remove(given_up)
        _update_attributes(kept, {**given_up.attributes, **kept.attributes})
        for name, count in (given_up.events or {}).items():
            _count_event(kept, name, count)
        if given_up.devices:
            kept.devices = {**given_up.devices, **(kept.devices or {})}
        if given_up.segments:
            kept.segments = given_up.segments | (kept.segments or set())
        return True

    # -- events -----------------------------------------------------------------------------------

    def record_event(
        self,
        who: Identifier,
        name: str,
        event_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> bool:
        """An event of a person, who is created if need be. A repeated ``event_id`` counts once.

        Of ``data`` nothing is kept.
        """
        person = self._find_or_create(who)
        if person is None or not self._is_new(event_id):
            return False
        self.events += 1
        _count_event(person, name, 1)
        return True

    def record_anonymous_event(
        self, event_id: str | None = None, name: str | None = None, data: Mapping[str, Any] | None = None
    ) -> bool:
        if not self._is_new(event_id):
            return False
        self.events += 1
        return True

    # -- devices and segments ---------------------------------------------------------------------

    def add_device(self, who: Identifier, device_id: str, platform: str) -> bool:
        person = self._find_or_create(who)
        if person is None:
            return False
        person.devices = {**(person.devices or {}), device_id: platform}
        return True

    def delete_device(self, who: Identifier, device_id: str) -> bool:
        person = self.find(who)
        return bool(person is not None and person.devices and person.devices.pop(device_id, None))

    def add_to_segment(self, segment_id: int, members: list[Identifier]) -> None:
        for person in filter(None, map(self.find, members)):
            person.segments = (person.segments or set()) | {segment_id}

    def remove_from_segment(self, segment_id: int, members: list[Identifier]) -> None:
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
            return None  # Only Customer.io gives these out.
        self.people_created += 1
        person = Person(f"{self.people_created:012x}")
        self._by["cio_id"][f"{self.people_created:012x}"] = person
        self._assign(person, who, replace=True)
        return person

    def _remove(self, person: Person) -> None:
        for kind, value in person.identifiers():
            del self._by[kind][value]

    def _assign(self, person: Person, new: Identifier, replace: bool) -> None:
        if new.value in self._by[new.kind]:
            return  # This person's already, or another's: then the attribute update fails silently.
        old = getattr(person, new.kind)
        if old is not None:
            if not replace:
                return
            del self._by[new.kind][old]
        setattr(person, new.kind, new.value)
        self._by[new.kind][new.value] = person

    def _is_new(self, event_id: str | None) -> bool:
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
    for name, value in attributes.items():
        if name in KINDS_IN_ATTRIBUTES:
            continue
        if value is None or value == "":
            kept.pop(name, None)
        elif name in kept or len(kept) < _ATTRIBUTES_PER_PERSON:
            # The same few names for everybody: keep each once.
            kept[sys.intern(name)] = value


def _count_event(person: Person, name: str, count: int) -> None:
    if person.events is None:
        person.events = {}
    if name in person.events or len(person.events) < EVENT_NAMES_PER_PERSON:
        person.events[sys.intern(name)] = person.events.get(name, 0) + count
