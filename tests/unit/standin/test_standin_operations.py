"""Every operation against any body: it is taken or refused, and never makes the stand-in fail."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from standin.endpoint import Answer, Endpoint, Request
from standin.responses import Invalid, bad_request
from standin.routes import ENDPOINTS
from standin.workspace import Workspace

SCOPE = {"scheme": "http", "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")]}

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

names = st.sampled_from(
    [
        "id",
        "email",
        "cio_id",
        "phone",
        "name",
        "type",
        "action",
        "data",
        "attributes",
        "identifiers",
        "device",
        "token",
        "platform",
        "primary",
        "secondary",
        "ids",
        "metric",
        "event",
        "delivery_id",
        "timestamp",
        "created_at",
        "cio_relationships",
        "object_id",
        "object_type_id",
        "anonymous_id",
        "cio_subscription_preferences",
        "cio_subscription_preferences.topics.topic_1",
        "unsubscribe",
        "_update",
    ]
)
texts = st.sampled_from(
    [
        "person",
        "object",
        "delivery",
        "identify",
        "event",
        "merge",
        "add_device",
        "ios",
        "opened",
        "a@x.com",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    ]
)
scalars = texts | st.sampled_from(["", "\ud800", "é" * 200, 1_760_000_000, -1, 0.5, 10**30, True, None])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=12,
)
objects = st.dictionaries(names, values, max_size=6)
bodies = objects | st.fixed_dictionaries({"batch": st.lists(objects, max_size=4)})


def test_every_operation_has_a_name_and_a_path_of_its_own() -> None:
    """One port serves three APIs: no request may be for two operations, whatever its parameters are."""
    assert len({operation.name for operation in ENDPOINTS}) == len(ENDPOINTS)
    patterns = [
        (operation.method, *("" if part.startswith("{") else part for part in operation.segments))
        for operation in ENDPOINTS
    ]
    assert len(set(patterns)) == len(ENDPOINTS)


@patient
@given(st.sampled_from(ENDPOINTS), bodies, st.sampled_from(["1", "a@x.com", "cio_1", "\x00"]))
def test_any_body_is_taken_or_refused(operation: Endpoint, body: Any, parameter: str) -> None:
    workspace = Workspace()
    parameters = (parameter,) * sum(part.startswith("{") for part in operation.segments)
    request = Request(operation, parameters, json.dumps(body).encode(), b"id_type=email", SCOPE, workspace)
    try:
        answer = operation.handler(request)
    except Invalid as error:
        answer = Answer(bad_request(operation.error_form, error.problem))
    if answer.change is not None:
        answer.change(workspace)
        answer.change(workspace)
    assert answer.response.status in (*operation.statuses, 400)
    assert len(workspace.people) <= workspace.people.people_created
