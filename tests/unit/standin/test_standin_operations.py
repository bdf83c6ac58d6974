"""Every operation against any body: it is taken or refused, and never makes the stand-in fail."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from standin.people import PeopleStore
from standin.responses import Invalid, bad_request
from standin.routes import ENDPOINTS, Answer, Endpoint, Request
from standin.track_v1 import HANDLERS as V1_HANDLERS
from standin.track_v2 import HANDLERS as V2_HANDLERS

HANDLERS = V1_HANDLERS | V2_HANDLERS
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


def test_every_operation_has_a_handler_and_every_handler_an_operation() -> None:
    assert HANDLERS.keys() == {operation.name for operation in ENDPOINTS}


@patient
@given(st.sampled_from(ENDPOINTS), bodies, st.sampled_from(["1", "a@x.com", "cio_1", "\x00"]))
def test_any_body_is_taken_or_refused(operation: Endpoint, body: Any, parameter: str) -> None:
    people = PeopleStore()
    request = Request(operation, (parameter, parameter), json.dumps(body).encode(), b"id_type=email", SCOPE)
    try:
        answer = HANDLERS[operation.name](request)
    except Invalid as error:
        answer = Answer(bad_request(operation.error_form, error.problem))
    if answer.change is not None:
        answer.change(people)
        answer.change(people)
    assert answer.response.status in (200, 204, 207, 400)
    assert len(people) <= people.people_created
