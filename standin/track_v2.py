"""The handlers of Track v2: ``/entity`` takes one operation, ``/batch`` takes many."""

from __future__ import annotations

from collections.abc import Callable

from config.customerio.limits import limit
from standin.endpoint import Answer, Change, Items, Request
from standin.json_body import Json, JsonObject, parse_object, size_bytes
from standin.objects import ObjectKey
from standin.person import Identifier, Kind
from standin.relationships import relate_object, relate_person
from standin.responses import OK, Invalid, Problem, json_response
from standin.track_v1 import identify_person
from standin.validation import (
    check_attributes,
    check_device,
    check_device_id,
    check_event_data,
    check_event_id,
    check_event_name,
    check_identifiers,
    check_one_of,
    check_person_attributes,
    check_text,
    check_timestamp,
)
from standin.workspace import Workspace

_ENTITY_BYTES = limit("v2_entity_bytes")
_BATCH_BYTES = limit("v2_batch_bytes")

_KINDS: tuple[Kind, ...] = ("id", "email", "phone", "cio_id")
_MERGE_KINDS: tuple[Kind, ...] = ("id", "email", "cio_id")
_DELIVERY_METRICS = frozenset({"opened", "converted", "delivered"})


def entity(request: Request) -> Answer:
    size = len(request.body)
    if size > _ENTITY_BYTES:
        raise Invalid(f"{size} bytes, at most {_ENTITY_BYTES} are allowed", reason="too_large")
    operation = parse_object(request.body)
    change = _check_operation(operation, size)
    return Answer(OK, change, Items([operation["action"]], 0))


def batch(request: Request) -> Answer:
    """Accept the valid items: 200 if all are valid, 207 with the errors of the others, 400 if none is."""
    size = len(request.body)
    if size > _BATCH_BYTES:
        raise Invalid(f"{size} bytes, at most {_BATCH_BYTES} are allowed", reason="too_large")
    operations = parse_object(request.body).get("batch")
    if not isinstance(operations, list) or not operations:
        raise Invalid("expected a list with at least one operation", "batch", "required")

    changes: list[Change] = []
    accepted: list[str] = []
    problems: list[tuple[int, Problem]] = []
    for index, operation in enumerate(operations):
        try:
            changes.append(_check_item(operation, size))
            accepted.append(operation["action"])
        except Invalid as error:
            problems.append((index, error.problem))

    items = Items(accepted, len(problems))
    if not problems:
        return Answer(OK, _all(changes), items)
    errors = [{"batch_index": index, **problem.as_json()} for index, problem in problems]
    return Answer(json_response(207 if accepted else 400, {"errors": errors}), _all(changes), items)


def _all(changes: list[Change]) -> Change:
    def apply(workspace: Workspace) -> None:
        for change in changes:
            change(workspace)

    return apply


def _check_item(operation: Json, batch_bytes: int) -> Change:
    """Check one item of a batch. Its size is that of its compact JSON, measured only if it can matter."""
    if not isinstance(operation, dict):
        raise Invalid("expected an object", "batch")
    size = batch_bytes
    if batch_bytes > _ENTITY_BYTES and (size := size_bytes(operation, "batch")) > _ENTITY_BYTES:
        raise Invalid(f"{size} bytes, at most {_ENTITY_BYTES} are allowed", "batch", "too_large")
    return _check_operation(operation, size)


def _check_operation(operation: JsonObject, size: int) -> Change:
    kind = check_one_of(operation, "type", _ACTIONS)
    action = check_one_of(operation, "action", _ACTIONS[kind])
    return _ACTIONS[kind][action](operation, size)


# -- people ---------------------------------------------------------------------------------------


def _person(operation: JsonObject) -> Identifier:
    return check_identifiers(operation.get("identifiers"), "identifiers", _KINDS)


def _identify(operation: JsonObject, size: int) -> Change:
    who = _person(operation)
    attributes = _optional_object(operation, "attributes")
    check_person_attributes(attributes, "attributes.")
    check_timestamp(operation, "timestamp")
    if "cio_relationships" not in operation:
        return lambda workspace: identify_person(workspace, who, attributes)
    entries = _relationships(operation)

    def apply(workspace: Workspace) -> None:
        identify_person(workspace, who, attributes)
        if workspace.people.find(who) is not None:
            relate_person(workspace, who, entries, add=True)

    return apply


def _event(operation: JsonObject, size: int) -> Change:
    who = _person(operation)
    name = check_event_name(operation)
    check_timestamp(operation, "timestamp")
    event_id = check_event_id(operation)
    check_event_data(operation, "attributes", size)
    return lambda workspace: workspace.people.record_event(who, name, event_id, operation.get("attributes"))


def _delete(operation: JsonObject, size: int) -> Change:
    who = _person(operation)
    return lambda workspace: workspace.people.delete(who)


def _suppress(operation: JsonObject, size: int) -> Change:
    who = _person(operation)
    return lambda workspace: workspace.people.suppress(who)


def _unsuppress(operation: JsonObject, size: int) -> Change:
    who = _person(operation)
    return lambda workspace: workspace.people.unsuppress(who)


def _merge(operation: JsonObject, size: int) -> Change:
    primary = check_identifiers(operation.get("primary"), "primary", _MERGE_KINDS)
    secondary = check_identifiers(operation.get("secondary"), "secondary", _MERGE_KINDS)
    return lambda workspace: workspace.people.merge(primary, secondary)


def _add_device(operation: JsonObject, size: int) -> Change:
    who = _person(operation)
    device_id, platform = check_device(operation.get("device"), "token")
    return lambda workspace: workspace.people.add_device(who, device_id, platform)


def _delete_device(operation: JsonObject, size: int) -> Change:
    who = _person(operation)
    device_id = check_device_id(operation.get("device"), "token")
    return lambda workspace: workspace.people.delete_device(who, device_id)


def _add_person_relationships(operation: JsonObject, size: int) -> Change:
    who, entries = _person(operation), _relationships(operation)
    return lambda workspace: relate_person(workspace, who, entries, add=True)


def _delete_person_relationships(operation: JsonObject, size: int) -> Change:
    who, entries = _person(operation), _relationships(operation)
    return lambda workspace: relate_person(workspace, who, entries, add=False)


# -- objects --------------------------------------------------------------------------------------


def _object(operation: JsonObject) -> ObjectKey | str:
    identifiers = operation.get("identifiers")
    if not isinstance(identifiers, dict):
        raise Invalid("expected an object", "identifiers", "required")
    if "cio_object_id" in identifiers:
        return check_text(identifiers, "cio_object_id", "identifiers.")
    return ObjectKey(
        check_text(identifiers, "object_type_id", "identifiers."),
        check_text(identifiers, "object_id", "identifiers."),
    )


def _object_identify(operation: JsonObject, size: int) -> Change:
    target = _object(operation)
    attributes = _optional_object(operation, "attributes")
    check_attributes(attributes, "attributes.")
    entries = _relationships(operation) if "cio_relationships" in operation else []

    def apply(workspace: Workspace) -> None:
        if workspace.objects.identify(target, attributes) is not None:
            relate_object(workspace, target, entries, add=True)

    return apply


def _object_delete(operation: JsonObject, size: int) -> Change:
    target = _object(operation)
    return lambda workspace: workspace.objects.delete(target)


def _add_object_relationships(operation: JsonObject, size: int) -> Change:
    target, entries = _object(operation), _relationships(operation)
    return lambda workspace: relate_object(workspace, target, entries, add=True)


def _delete_object_relationships(operation: JsonObject, size: int) -> Change:
    target, entries = _object(operation), _relationships(operation)
    return lambda workspace: relate_object(workspace, target, entries, add=False)


# -- deliveries: what a device reports is checked and counted, but not stored -----------------------


def _store_nothing(workspace: Workspace) -> None:
    """Change nothing."""


def _delivery_event(operation: JsonObject, size: int) -> Change:
    identifiers = operation.get("identifiers")
    if not isinstance(identifiers, dict):
        raise Invalid("expected an object", "identifiers", "required")
    check_text(identifiers, "id", "identifiers.")
    check_one_of(operation, "name", _DELIVERY_METRICS)
    attributes = operation.get("attributes")
    if not isinstance(attributes, dict):
        raise Invalid("expected an object", "attributes", "required")
    check_text(attributes, "device_token", "attributes.")
    return _store_nothing


def _relationships(operation: JsonObject) -> list[JsonObject]:
    relationships = operation.get("cio_relationships")
    if not isinstance(relationships, list) or not all(isinstance(entry, dict) for entry in relationships):
        raise Invalid("expected a list of objects", "cio_relationships", "required")
    return relationships


def _optional_object(operation: JsonObject, name: str) -> JsonObject:
    value = operation.get(name, {})
    if not isinstance(value, dict):
        raise Invalid("expected an object", name)
    return value


_Check = Callable[[JsonObject, int], Change]
_ACTIONS: dict[str, dict[str, _Check]] = {
    "person": {
        "identify": _identify,
        "event": _event,
        "page": _event,
        "screen": _event,
        "delete": _delete,
        "suppress": _suppress,
        "unsuppress": _unsuppress,
        "merge": _merge,
        "add_device": _add_device,
        "delete_device": _delete_device,
        "add_relationships": _add_person_relationships,
        "delete_relationships": _delete_person_relationships,
    },
    "object": {
        "identify": _object_identify,
        "identify_anonymous": _object_identify,
        "delete": _object_delete,
        "add_relationships": _add_object_relationships,
        "delete_relationships": _delete_object_relationships,
    },
    "delivery": {"event": _delivery_event},
}
