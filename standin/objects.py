"""The objects of a workspace (companies, accounts, courses), and the people who are related to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from standin.person import Person, update_attributes

_CIO_PREFIX = "ob"


class ObjectKey(NamedTuple):
    """What names an object: its type (``"1"``, ``"2"``, ...) and its id within the type."""

    type_id: str
    object_id: str


class StoredObject:
    """What is stored of an object. ``people`` has the attributes of the relationship with each person."""

    __slots__ = ("attributes", "cio_object_id", "key", "people")

    def __init__(self, key: ObjectKey, cio_object_id: str) -> None:
        self.key = key
        self.cio_object_id = cio_object_id
        self.attributes: dict[str, Any] = {}
        # By cio_id, which a person keeps whatever other identifiers change.
        self.people: dict[str, dict[str, Any]] = {}

    def identifiers(self) -> dict[str, str]:
        """Return the identifiers as the APIs show them."""
        return {
            "object_type_id": self.key.type_id,
            "object_id": self.key.object_id,
            "cio_object_id": self.cio_object_id,
        }

    def as_json(self) -> dict[str, Any]:
        return {**self.identifiers(), "attributes": self.attributes, "people": self.people}


class ObjectStore:
    """Finds objects by their key or ``cio_object_id``, and keeps their relationships with people."""

    def __init__(self) -> None:
        self._by_key: dict[ObjectKey, StoredObject] = {}
        self._by_cio_id: dict[str, StoredObject] = {}
        self._created = 0

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def relationships(self) -> int:
        """How many relationships there are."""
        return sum(len(stored.people) for stored in self._by_key.values())

    def find(self, who: ObjectKey | str) -> StoredObject | None:
        """Return the object with a key or a ``cio_object_id``, or ``None``."""
        return self._by_cio_id.get(who) if isinstance(who, str) else self._by_key.get(who)

    def find_or_create(self, who: ObjectKey | str) -> StoredObject | None:
        """Return the object, which is created if it is named by its key and unknown."""
        stored = self.find(who)
        if stored is None and not isinstance(who, str):
            self._created += 1
            stored = StoredObject(who, f"{_CIO_PREFIX}{self._created:08x}")
            self._by_key[who] = self._by_cio_id[stored.cio_object_id] = stored
        return stored

    def identify(self, who: ObjectKey | str, attributes: Mapping[str, Any]) -> StoredObject | None:
        """Create or update an object. ``None`` and ``""`` remove an attribute."""
        stored = self.find_or_create(who)
        if stored is not None:
            update_attributes(stored.attributes, attributes)
        return stored

    def delete(self, who: ObjectKey | str) -> bool:
        """Delete an object and its relationships."""
        stored = self.find(who)
        if stored is None:
            return False
        del self._by_key[stored.key], self._by_cio_id[stored.cio_object_id]
        return True

    def relate(self, who: ObjectKey | str, person: Person, attributes: Mapping[str, Any]) -> bool:
        """Relate a person to an object, which is created if it is unknown."""
        stored = self.find_or_create(who)
        if stored is None or person.cio_id is None:
            return False
        update_attributes(stored.people.setdefault(person.cio_id, {}), attributes)
        return True

    def separate(self, who: ObjectKey | str, person: Person) -> bool:
        """End the relationship between a person and an object."""
        stored = self.find(who)
        return stored is not None and stored.people.pop(person.cio_id or "", None) is not None

    def of_person(self, person: Person) -> Iterator[tuple[StoredObject, dict[str, Any]]]:
        """Yield the objects of a person and the relationships' attributes. This looks at every object."""
        for stored in self._by_key.values():
            if person.cio_id in stored.people:
                yield stored, stored.people[person.cio_id]

    def of_type(self, type_id: str) -> list[StoredObject]:
        """Return the objects of a type, oldest first."""
        return [stored for key, stored in self._by_key.items() if key.type_id == type_id]

    def types(self) -> list[str]:
        """Return the ids of all types that have an object."""
        return list(dict.fromkeys(key.type_id for key in self._by_key))
