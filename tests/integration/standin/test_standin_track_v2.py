"""Track v2: single operations, and batches taken whole, in part, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from config.customerio.limits import limit
from tests.servers.standin_server import StandinServer

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture(scope="module")
def server() -> Iterator[StandinServer]:
    with StandinServer() as running:
        yield running


@pytest.fixture
def standin(server: StandinServer) -> StandinServer:
    server.reset()
    return server


def post(standin: StandinServer, path: str, content: Any) -> requests.Response:
    return requests.post(standin.url + path, json=content, auth=("site", "key"), timeout=10)


def person(action: str, who: str = "ada", **more: Any) -> dict[str, Any]:
    return {"type": "person", "action": action, "identifiers": {"id": who}, **more}


OPERATIONS: list[dict[str, Any]] = [
    person("identify", attributes={"plan": "basic", "_update": False}),
    person("event", name="visit", attributes={"page": 1}, timestamp=1_760_000_000),
    person("page", name="/pricing"),
    person("screen", name="Home"),
    person("add_device", device={"token": "t", "platform": "ios"}),
    person("delete_device", device={"token": "t"}),
    person("add_relationships", cio_relationships=[{"identifiers": {"object_type_id": "1"}}]),
    person("delete_relationships", cio_relationships=[]),
    person("suppress", "bob"),
    person("unsuppress", "bob"),
    person("delete", "bob"),
    {"type": "person", "action": "merge", "primary": {"id": "ada"}, "secondary": {"email": "b@x.com"}},
    {"type": "person", "action": "identify", "identifiers": {"phone": "+15550100"}},
    {
        "type": "object",
        "action": "identify",
        "identifiers": {"object_type_id": "1", "object_id": "acme"},
        "attributes": {"name": "Acme"},
        "cio_relationships": [{"identifiers": {"id": "ada"}}],
    },
    {"type": "object", "action": "delete", "identifiers": {"cio_object_id": "ob1"}},
    {
        "type": "delivery",
        "action": "event",
        "identifiers": {"id": "d"},
        "name": "opened",
        "attributes": {"device_token": "t"},
    },
]

BAD_OPERATIONS: list[tuple[Any, str]] = [
    ("text", "batch"),
    ({}, "type"),
    ({"type": "planet", "action": "identify"}, "type"),
    ({"type": "person", "action": "greet"}, "action"),
    ({"type": "delivery", "action": "identify"}, "action"),
    ({"type": "person", "action": "identify"}, "identifiers"),
    ({"type": "person", "action": "identify", "identifiers": {"id": "a", "email": "a@x.com"}}, "identifiers"),
    ({"type": "person", "action": "identify", "identifiers": {"id": ""}}, "identifiers.id"),
    (person("identify", "x" * (limit("identifier_bytes") + 1)), "identifiers.id"),
    (person("identify", attributes=[]), "attributes"),
    (person("identify", attributes={"created_at": "now"}), "attributes.created_at"),
    (person("event"), "name"),
    (person("event", name="visit", id="1"), "id"),
    (person("event", name="visit", timestamp=1.5), "timestamp"),
    (person("event", name="visit", attributes="x"), "attributes"),
    (person("add_device", device={"token": "t"}), "device.platform"),
    (person("add_relationships"), "cio_relationships"),
    ({"type": "person", "action": "merge", "primary": {"id": "a"}}, "secondary"),
    (
        {"type": "object", "action": "identify", "identifiers": {"object_type_id": "1"}},
        "identifiers.object_id",
    ),
    (person("event", name="visit", attributes={"x": "y" * limit("v2_entity_bytes")}), "batch"),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each['type']}-{each['action']}")
def test_each_operation_is_taken_alone(standin: StandinServer, operation: dict[str, Any]) -> None:
    response = post(standin, "/api/v2/entity", operation)

    assert (response.status_code, response.text) == (200, "{}\n")
    assert standin.stats()["items"] == {"taken": {operation["action"]: 1}, "refused": 0}


def test_all_operations_are_taken_in_one_batch(standin: StandinServer) -> None:
    response = post(standin, "/api/v2/batch", {"batch": OPERATIONS})

    assert (response.status_code, response.text) == (200, "{}\n")
    stats = standin.stats()
    assert stats["requests"] == {"batch": 1}
    assert sum(stats["items"]["taken"].values()) == len(OPERATIONS)
    assert (stats["people"], stats["events"]) == (2, 3)


def test_the_rest_of_a_batch_is_taken_and_each_refusal_named(standin: StandinServer) -> None:
    batch: list[Any] = []
    for number, (bad, _) in enumerate(BAD_OPERATIONS):
        batch += [bad, person("event", f"p{number}", name="visit")]

    response = post(standin, "/api/v2/batch", {"batch": batch})

    assert response.status_code == 207
    errors = response.json()["errors"]
    assert [(error["batch_index"], error["field"]) for error in errors] == [
        (2 * number, field) for number, (_, field) in enumerate(BAD_OPERATIONS)
    ]
    assert all(error["reason"] and error["message"] for error in errors)
    stats = standin.stats()
    assert stats["statuses"] == {"207": 1}
    assert stats["items"] == {"taken": {"event": len(BAD_OPERATIONS)}, "refused": len(BAD_OPERATIONS)}
    assert stats["events"] == stats["people"] == len(BAD_OPERATIONS)


def test_a_batch_of_which_nothing_is_taken_is_400(standin: StandinServer) -> None:
    response = post(standin, "/api/v2/batch", {"batch": [bad for bad, _ in BAD_OPERATIONS]})

    assert response.status_code == 400
    assert len(response.json()["errors"]) == len(BAD_OPERATIONS)
    assert standin.stats()["people"] == 0


@pytest.mark.parametrize("content", [{}, {"batch": []}, {"batch": {}}, []])
def test_a_batch_without_operations_is_400(standin: StandinServer, content: Any) -> None:
    response = post(standin, "/api/v2/batch", content)

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error.keys() == {"reason", "field", "message"}


@pytest.mark.parametrize(("operation", "field"), BAD_OPERATIONS[1:-1])
def test_a_bad_entity_is_400(standin: StandinServer, operation: dict[str, Any], field: str) -> None:
    response = post(standin, "/api/v2/entity", operation)

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 400)])
def test_an_entity_is_limited_in_bytes(standin: StandinServer, extra: int, status: int) -> None:
    head = '{"type":"person","action":"event","identifiers":{"id":"a"},"name":"n","attributes":{"x":"'
    tail = '"}}'
    body = head + "y" * (limit("v2_entity_bytes") - len(head + tail) + extra) + tail

    response = requests.post(f"{standin.url}/api/v2/entity", data=body, auth=("site", "key"), timeout=10)

    assert response.status_code == status


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 400)])
def test_a_batch_is_limited_in_bytes(standin: StandinServer, extra: int, status: int) -> None:
    item = '{"type":"person","action":"event","identifiers":{"id":"a"},"name":"n"}'
    body = '{"batch":[' + ",".join([item] * 1000) + "]}"
    body += " " * (limit("v2_batch_bytes") - len(body) + extra)

    response = requests.post(f"{standin.url}/api/v2/batch", data=body, auth=("site", "key"), timeout=10)

    assert response.status_code == status
    assert standin.stats()["events"] == (1000 if status == 200 else 0)


def test_repeated_event_ids_count_once_across_requests(standin: StandinServer) -> None:
    event = person("event", name="visit", id=ULID)
    post(standin, "/api/v2/batch", {"batch": [event, event]})
    response = post(standin, "/api/v2/entity", event)

    assert response.status_code == 200
    stats = standin.stats()
    assert (stats["events"], stats["duplicates"]) == (1, 2)
    assert stats["items"]["taken"] == {"event": 3}
