"""Relationships between people and objects, as the requests of Track v1 and v2 write them.

The description leaves open what an entry without complete identifiers means. Here it means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from standin.objects import ObjectKey
from standin.person import Identifier, Kind, identifier
from standin.workspace import Workspace

_KINDS: tuple[Kind, ...] = ("id", "email", "phone", "cio_id")
_ADD, _DELETE = "add_relationships", "delete_relationships"


def relate_as_instructed(workspace: Workspace, who: Identifier, instruction: object) -> None:
    """Apply the instruction ``cio_relationships`` of a v1 identify call."""
    if not isinstance(instruction, dict) or instruction.get("action") not in (_ADD, _DELETE):
        return
    entries = instruction.get("relationships")
    if isinstance(entries, list):
        relate_person(workspace, who, entries, add=instruction["action"] == _ADD)


def relate_person(workspace: Workspace, who: Identifier, entries: list[Any], *, add: bool) -> None:
    """Begin or end the relationships of a person with objects. Who and what is unknown is created."""
    person = workspace.people.find_or_create(who) if add else workspace.people.find(who)
    if person is None:
        return
    for identifiers, attributes in _entries(entries):
        target = object_named(identifiers)
        if target is None:
            continue
        if add:
            workspace.objects.relate(target, person, attributes)
        else:
            workspace.objects.separate(target, person)


def relate_object(workspace: Workspace, target: ObjectKey | str, entries: list[Any], *, add: bool) -> None:
    """Begin or end the relationships of an object with people. Who and what is unknown is created."""
    for identifiers, attributes in _entries(entries):
        who = _person_named(identifiers)
        if who is None:
            continue
        person = workspace.people.find_or_create(who) if add else workspace.people.find(who)
        if person is None:
            continue
        if add:
            workspace.objects.relate(target, person, attributes)
        else:
            workspace.objects.separate(target, person)


def object_named(identifiers: Mapping[str, Any]) -> ObjectKey | str | None:
    """Return what names an object, a key or a ``cio_object_id``, or ``None``."""
    match identifiers:
        case {"cio_object_id": str(cio_object_id)} if cio_object_id:
            return cio_object_id
        case {"object_type_id": str(type_id), "object_id": str(object_id)} if type_id and object_id:
            return ObjectKey(type_id, object_id)
    return None


def _person_named(identifiers: Mapping[str, Any]) -> Identifier | None:
    for kind in _KINDS:
        value = identifiers.get(kind)
        if isinstance(value, str) and value:
            return identifier(kind, value)
    return None


def _entries(entries: list[Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield the identifiers and the attributes of each entry."""
    for entry in entries:
        identifiers = entry.get("identifiers") if isinstance(entry, dict) else None
        if isinstance(identifiers, dict):
            attributes = entry.get("relationship_attributes")
            yield identifiers, attributes if isinstance(attributes, dict) else {}
