"""Reading objects and their relationships."""

from __future__ import annotations

from standin.app_api.common import call, found, identifiers_of, page, query_of
from standin.endpoint import Answer, Request
from standin.filters import check_filter, matches
from standin.json_body import parse_object
from standin.objects import ObjectKey, StoredObject
from standin.person import identifier
from standin.responses import NOT_FOUND, Invalid


def _stored(request: Request) -> StoredObject | None:
    """Return the object that the path names, by its id or its ``cio_object_id``."""
    type_id, object_id = request.parameters
    kind = query_of(request).get("id_type") or "object_id"
    if kind not in ("object_id", "cio_object_id"):
        raise Invalid("expected object_id or cio_object_id", "id_type")
    stored = request.workspace.objects.find(
        object_id if kind == "cio_object_id" else ObjectKey(type_id, object_id)
    )
    return stored if stored is not None and stored.key.type_id == type_id else None


def _attributes(request: Request) -> Answer:
    stored = _stored(request)
    if stored is None:
        return Answer(NOT_FOUND)
    return found({"object": {"identifiers": stored.identifiers(), "attributes": stored.attributes}})


def _relationships(request: Request) -> Answer:
    stored = _stored(request)
    if stored is None:
        return Answer(NOT_FOUND)
    people = request.workspace.people
    # A person who was deleted is still among the object's people.
    known = [
        (person, attributes)
        for cio_id, attributes in stored.people.items()
        if (person := people.find(identifier("cio_id", cio_id))) is not None
    ]
    return page(
        request,
        "cio_relationships",
        known,
        lambda pair: {"identifiers": identifiers_of(pair[0]), "relationship_attributes": pair[1]},
    )


def _search(request: Request) -> Answer:
    body = parse_object(request.body)
    type_id = body.get("object_type_id")
    if isinstance(type_id, int) and not isinstance(type_id, bool) and 0 <= type_id < 10**9:
        type_id = str(type_id)
    if not isinstance(type_id, str) or not type_id:
        raise Invalid("expected the id of an object type", "object_type_id", "required")
    condition = check_filter(body.get("filter"), "filter")
    kept = [stored for stored in request.workspace.objects.of_type(type_id) if matches(condition, stored)]
    return page(request, "identifiers", kept, StoredObject.identifiers)


def _types(request: Request) -> Answer:
    return found(
        {"types": [{"id": type_id, "enabled": True} for type_id in request.workspace.objects.types()]}
    )


_OBJECT = "/objects/{object_type_id}/{object_id}"

ENDPOINTS = (
    call("get_object_attributes", "GET", f"{_OBJECT}/attributes", _attributes),
    call("get_object_relationships", "GET", f"{_OBJECT}/relationships", _relationships),
    call("find_objects", "POST", "/objects", _search, (200,)),
    call("list_object_types", "GET", "/object_types", _types, (200,)),
)
