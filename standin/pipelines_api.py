"""The Pipelines API: ``/v1/identify``, ``track``, ``page``, ``screen``, ``group``, ``alias`` and ``batch``.

By default an invalid call, or one with a wrong write key, is answered with 200 and means nothing. The
application counts those as ignored. With ``X-Strict-Mode: 1`` they are answered with 400 and 401. What the
published description leaves open is decided here: the body of a 200 is Segment's, errors are in
``meta.error``, and in strict mode one invalid call refuses the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from config.customerio.limits import limit
from standin.asgi import Scope, header
from standin.endpoint import Answer, Auth, Change, Endpoint, Items, Request
from standin.json_body import Json, JsonObject, parse_object, size_bytes
from standin.objects import ObjectKey
from standin.person import Identifier, identifier
from standin.responses import ErrorForm, Invalid, json_response
from standin.validation import check_person_attributes, check_size, check_text
from standin.workspace import Workspace

_CALL_BYTES = limit("pipelines_call_bytes")
_BATCH_BYTES = limit("pipelines_batch_bytes")
_IDENTIFIER_BYTES = limit("identifier_bytes")
# A group without a type is of the first one, as in Customer.io's mapping of groups to objects.
_DEFAULT_OBJECT_TYPE = "1"

_SUCCESS = json_response(200, {"success": True})
# The same answer, for what is not applied.
IGNORED = _SUCCESS


def is_strict(scope: Scope) -> bool:
    """Whether a request asks for strict mode."""
    return header(scope, b"x-strict-mode").strip() == b"1"


def _single(request: Request) -> Answer:
    """Handle a request that is one call; the last part of its path says which."""
    check_body_size(request.body, _CALL_BYTES)
    kind = request.endpoint.segments[-1]
    return Answer(_SUCCESS, _CALLS[kind](parse_object(request.body)))


def _batch(request: Request) -> Answer:
    """Apply the valid calls. In strict mode an invalid one refuses all of them."""
    check_body_size(request.body, _BATCH_BYTES)
    calls = parse_object(request.body).get("batch")
    if not isinstance(calls, list) or not calls:
        raise Invalid("expected a list with at least one call", "batch", "required")
    changes: list[Change] = []
    accepted: list[str] = []
    for index, call in enumerate(calls):
        try:
            kind, change = _item(call)
        except Invalid as error:
            if is_strict(request.scope):
                raise Invalid(error.problem.message, f"batch[{index}].{error.problem.field}") from None
            continue
        accepted.append(kind)
        changes.append(change)
    refused = len(calls) - len(accepted)
    return Answer(_SUCCESS, lambda workspace: _apply(workspace, changes, refused), Items(accepted, refused))


def _apply(workspace: Workspace, changes: list[Change], refused: int) -> None:
    for change in changes:
        change(workspace)
    for _ in range(refused):
        workspace.stats.count_ignored()


def _item(call: Json) -> tuple[str, Change]:
    if not isinstance(call, dict):
        raise Invalid("expected an object", "call")
    kind = call.get("type")
    if not isinstance(kind, str) or kind not in _CALLS:
        raise Invalid(f"expected one of {', '.join(_CALLS)}", "type")
    size = size_bytes(call, "call")
    if size > _CALL_BYTES:
        raise Invalid(f"{size} bytes, at most {_CALL_BYTES} are allowed", "call", "too_large")
    return kind, _CALLS[kind](call)


def check_body_size(body: bytes, most_bytes: int) -> None:
    """Check a published limit of a body in bytes."""
    if len(body) > most_bytes:
        raise Invalid(f"{len(body)} bytes, at most {most_bytes} are allowed", reason="too_large")


# -- the calls --------------------------------------------------------------------------------------


def _identify(call: JsonObject) -> Change:
    who, anonymous_id = _user(call)
    traits = _object_field(call, "traits")
    check_person_attributes(traits, "traits.")
    if who is None:
        # Nobody is known by this anonymous id yet. The traits come again with the user's id.
        return _nothing
    attributes = traits if anonymous_id is None else {**traits, "anonymous_id": anonymous_id}
    return lambda workspace: workspace.people.identify(who, attributes)


def _track(call: JsonObject) -> Change:
    return _event(call, check_text(call, "event"))


def _view(call: JsonObject) -> Change:
    name = call.get("name")
    if name is not None and not isinstance(name, str):
        raise Invalid("expected a string", "name")
    return _event(call, name or "unnamed view")


def _event(call: JsonObject, name: str) -> Change:
    who, anonymous_id = _user(call)
    properties = _object_field(call, "properties")
    message_id = call.get("messageId")
    event_id = message_id if isinstance(message_id, str) and message_id else None
    if who is not None:
        return lambda workspace: workspace.people.record_event(who, name, event_id, properties)
    return lambda workspace: workspace.people.record_anonymous_event(name, anonymous_id, event_id, properties)


def _group(call: JsonObject) -> Change:
    who, _ = _user(call)
    group_id = _id_field(call, "groupId")
    if group_id is None:
        raise Invalid("expected a non-empty string", "groupId", "required")
    traits = _object_field(call, "traits")
    key = ObjectKey(_id_field(call, "objectTypeId") or _DEFAULT_OBJECT_TYPE, group_id)

    def apply(workspace: Workspace) -> None:
        workspace.objects.identify(key, traits)
        person = None if who is None else workspace.people.find_or_create(who)
        if person is not None:
            workspace.objects.relate(key, person, {})

    return apply


def _alias(call: JsonObject) -> Change:
    """The person with the previous id becomes part of the one with the user id."""
    user_id, previous_id = _id_field(call, "userId"), _id_field(call, "previousId")
    if user_id is None or previous_id is None:
        raise Invalid("expected userId and previousId", "userId", "required")
    primary, secondary = identifier("id", user_id), identifier("id", previous_id)
    return lambda workspace: workspace.people.merge(primary, secondary)


def _nothing(workspace: Workspace) -> None:
    """Change nothing."""


_CALLS: dict[str, Callable[[JsonObject], Change]] = {
    "identify": _identify,
    "track": _track,
    "page": _view,
    "screen": _view,
    "group": _group,
    "alias": _alias,
}


# -- the fields of a call ----------------------------------------------------------------------------


def _user(call: JsonObject) -> tuple[Identifier | None, str | None]:
    """Return who a call is about, and their anonymous id. One of the two is there."""
    user_id, anonymous_id = _id_field(call, "userId"), _id_field(call, "anonymousId")
    if user_id is None and anonymous_id is None:
        raise Invalid("expected userId or anonymousId", "userId", "required")
    if user_id is None:
        return None, anonymous_id
    return identifier("email" if "@" in user_id else "id", user_id), anonymous_id


def _id_field(call: JsonObject, name: str) -> str | None:
    """Return an optional id: a string, or a whole number, which means its digits."""
    value = call.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**18 else ""
    if not isinstance(value, str) or not value:
        raise Invalid("expected a non-empty string", name)
    check_size(value, _IDENTIFIER_BYTES, name)
    return value


def _object_field(call: JsonObject, name: str) -> Mapping[str, Any]:
    value = call.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid("expected an object", name)
    return value


ENDPOINTS = tuple(
    Endpoint(f"pipelines_{name}", "POST", f"/v1/{name}", handler, ErrorForm.META_ERROR, auth=Auth.WRITE_KEY)
    for name, handler in (*((name, _single) for name in _CALLS), ("batch", _batch))
)
