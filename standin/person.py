"""A person and their identifiers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

from config.customerio.identifiers import identifier_by_shape
from config.customerio.limits import limit

Kind = Literal["id", "email", "phone", "cio_id"]
KINDS: tuple[Kind, ...] = ("cio_id", "id", "email", "phone")
# The identifiers that may stand among the attributes of an identify call.
KINDS_IN_ATTRIBUTES: tuple[Kind, ...] = ("id", "email", "cio_id")

# Bounds the memory of a long run. All events are counted, but only these many names.
EVENT_NAMES_PER_PERSON = 100

_Shared = TypeVar("_Shared", str, tuple[str, ...])
# Most values of a load test's people are those of few: names, cities, the run. The first that come are kept.
_MOST_SHARED = 10_000
_NAMES: dict[tuple[str, ...], tuple[str, ...]] = {}
_VALUES: dict[str, str] = {}

_ATTRIBUTES_PER_PERSON = limit("attributes_per_person")
_CIO_PREFIX = "cio_"
PREFERENCES = "cio_subscription_preferences"
# The dotted form of an attribute's name, which changes one topic and leaves the others as they are.
TOPIC_PREFIX = f"{PREFERENCES}.topics."


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
    return identifier(*identifier_by_shape(text))


def identifiers_among(attributes: Mapping[str, Any]) -> list[Identifier]:
    """Return the identifiers among the attributes of an identify call; a ``cio_id`` is the last."""
    found = []
    for kind in KINDS_IN_ATTRIBUTES:
        value = attributes.get(kind)
        if value is not None and value != "":
            found.append(identifier(kind, str(value)))
    return found


class Person:
    """What is stored of a person. Of events only the number of each name is stored."""

    # Attributes are stored as names and values apart: a load test's people all have the same names, and a
    # dictionary for each person takes 350 bytes more.
    __slots__ = (
        *("_names", "_values", "anonymous_ids", "cio_id", "devices"),
        *("email", "events", "id", "phone", "segments"),
    )

    def __init__(self, cio_id: str) -> None:
        self.cio_id: str | None = cio_id
        self.id: str | None = None
        self.email: str | None = None
        self.phone: str | None = None
        self._names: tuple[str, ...] = ()
        self._values: tuple[Any, ...] = ()
        # Most people of a load test have none of these, and an empty dictionary costs 64 bytes.
        self.events: dict[str, int] | None = None
        self.devices: dict[str, str] | None = None
        self.segments: set[int] | None = None
        self.anonymous_ids: set[str] | None = None

    def identifiers(self) -> Iterator[Identifier]:
        """Yield all identifiers that the person has."""
        for kind in KINDS:
            value = getattr(self, kind)
            if value is not None:
                yield Identifier(kind, value)

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes, in a dictionary of their own; ``update`` changes them."""
        return dict(zip(self._names, self._values, strict=True))

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

    def update(self, attributes: Mapping[str, Any]) -> None:
        """Set attributes, except identifiers. ``None`` and ``""`` remove one."""
        kept = self.attributes
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
                kept[sys.intern(name)] = _shared(_VALUES, value) if isinstance(value, str) else value
        if topics and (PREFERENCES in kept or len(kept) < _ATTRIBUTES_PER_PERSON):
            kept[PREFERENCES] = _with_topics(kept.get(PREFERENCES), topics)
        self._names = _shared(_NAMES, tuple(kept))
        self._values = tuple(kept.values())

    def count_event(self, name: str, count: int = 1) -> None:
        """Count events with a name."""
        if self.events is None:
            self.events = {}
        add_events(self.events, name, count)


def _shared(known: dict[_Shared, _Shared], value: _Shared) -> _Shared:
    """Return an equal value that others hold as well, if there is one, so that it is in memory once."""
    if len(known) < _MOST_SHARED:
        return known.setdefault(value, value)
    return known.get(value, value)


def update_attributes(kept: dict[str, Any], attributes: Mapping[str, Any]) -> None:
    """Set attributes of an object or a relationship. ``None`` and ``""`` remove one."""
    for name, value in attributes.items():
        if value is None or value == "":
            kept.pop(name, None)
        elif name in kept or len(kept) < _ATTRIBUTES_PER_PERSON:
            kept[sys.intern(name)] = value


def add_events(counts: dict[str, int], name: str, count: int) -> None:
    """Add to the counts of events by name, which hold at most ``EVENT_NAMES_PER_PERSON`` names."""
    if name in counts or len(counts) < EVENT_NAMES_PER_PERSON:
        counts[sys.intern(name)] = counts.get(name, 0) + count


def _with_topics(preferences: Any, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return subscription preferences with some topics changed; ``None`` or ``""`` removes a topic."""
    kept = preferences if isinstance(preferences, dict) else {}
    topics = kept.get("topics")
    topics = {**topics, **changes} if isinstance(topics, dict) else changes
    return {**kept, "topics": {topic: value for topic, value in topics.items() if value not in (None, "")}}
