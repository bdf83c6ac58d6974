"""Details of Customer.io's published description that an integration can get wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.servers.standin_server import StandinServer

PREFERENCES = "cio_subscription_preferences"


@pytest.fixture(scope="module")
def server() -> Iterator[StandinServer]:
    with StandinServer() as running:
        yield running


@pytest.fixture
def standin(server: StandinServer) -> StandinServer:
    server.reset()
    return server


def send(standin: StandinServer, method: str, path: str, body: Any = None) -> requests.Response:
    url = f"{standin.url}/api/{path}"
    return requests.request(method, url, json=body, auth=("site", "key"), timeout=10)


def attributes(standin: StandinServer, who: str) -> dict[str, Any]:
    person = standin.person(who)
    assert person is not None
    stored: dict[str, Any] = person["attributes"]
    return stored


def test_a_dotted_preference_changes_one_topic(standin: StandinServer) -> None:
    topics = {"topic_1": True, "topic_2": False}
    send(standin, "PUT", "v1/customers/ada", {PREFERENCES: {"topics": topics}, "plan": "pro"})
    assert send(standin, "PUT", "v1/customers/ada", {f"{PREFERENCES}.topics.topic_1": False}).ok
    assert attributes(standin, "ada") == {
        PREFERENCES: {"topics": {"topic_1": False, "topic_2": False}},
        "plan": "pro",
    }

    operation = {"type": "person", "action": "identify", "identifiers": {"id": "ada"}}
    change = {f"{PREFERENCES}.topics.topic_3": True, f"{PREFERENCES}.topics.topic_2": None}
    assert send(standin, "POST", "v2/batch", {"batch": [{**operation, "attributes": change}]}).ok
    assert attributes(standin, "ada")[PREFERENCES] == {"topics": {"topic_1": False, "topic_3": True}}

    send(standin, "PUT", "v1/customers/ada", {PREFERENCES: {"topics": {"topic_9": True}}})
    assert attributes(standin, "ada")[PREFERENCES] == {"topics": {"topic_9": True}}


def test_a_dotted_preference_needs_no_earlier_ones(standin: StandinServer) -> None:
    send(standin, "PUT", "v1/customers/ada", {f"{PREFERENCES}.topics.topic_1": True})

    assert attributes(standin, "ada") == {PREFERENCES: {"topics": {"topic_1": True}}}


@pytest.mark.parametrize("value", ["yes", 1, [], {}])
def test_a_topic_is_on_or_off(standin: StandinServer, value: Any) -> None:
    response = send(standin, "PUT", "v1/customers/ada", {f"{PREFERENCES}.topics.topic_1": value})

    assert response.status_code == 400
    assert "topic_1: expected true or false" in response.json()["meta"]["errors"][0]


@pytest.mark.parametrize(
    ("preferences", "field"),
    [
        ("yes", PREFERENCES),
        ([], PREFERENCES),
        ({"topics": None}, f"{PREFERENCES}.topics"),
        ({"topics": ["topic_1"]}, f"{PREFERENCES}.topics"),
        ({"topics": {"topic_1": "yes"}}, f"{PREFERENCES}.topics.topic_1"),
    ],
)
def test_preferences_are_an_object_of_topics(standin: StandinServer, preferences: Any, field: str) -> None:
    v1 = send(standin, "PUT", "v1/customers/ada", {PREFERENCES: preferences})
    v2 = send(standin, "POST", "v2/entity", {**V2_IDENTIFY, "attributes": {PREFERENCES: preferences}})

    assert (v1.status_code, v2.status_code) == (400, 400)
    assert v1.json()["meta"]["errors"][0].startswith(f"{field}: ")
    assert v2.json()["errors"][0]["field"] == f"attributes.{field}"


@pytest.mark.parametrize("preferences", [None, "", {}, {"topics": {}}, {"topics": {"topic_1": None}}])
def test_preferences_can_be_removed(standin: StandinServer, preferences: Any) -> None:
    assert send(standin, "PUT", "v1/customers/ada", {PREFERENCES: preferences}).ok


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "v1/customers/cio_99", {"email": "ada@example.com"}),
        ("PUT", "v1/customers/cio_no-such-person", {"plan": "pro"}),
        ("PUT", "v1/customers/new", {"cio_id": "cio_99", "plan": "pro"}),
        ("PUT", "v1/customers/ada", {"cio_id": "99", "plan": "pro"}),
        ("POST", "v1/customers/cio_99/events", {"name": "visit"}),
        ("PUT", "v1/customers/cio_99/devices", {"device": {"id": "phone", "platform": "ios"}}),
        ("DELETE", "v1/customers/cio_99", None),
        ("POST", "v1/customers/cio_99/suppress", {}),
        ("POST", "v1/customers/cio_99/unsuppress", {}),
        ("POST", "v1/merge_customers", {"primary": {"id": "ada"}, "secondary": {"cio_id": "99"}}),
        ("POST", "v1/segments/7/add_customers?id_type=cio_id", {"ids": ["cio_99"]}),
        ("POST", "v2/entity", {"type": "person", "action": "identify", "identifiers": {"cio_id": "99"}}),
        ("POST", "v2/entity", {"type": "person", "action": "suppress", "identifiers": {"cio_id": "cio_99"}}),
    ],
)
def test_an_unknown_cio_id_is_accepted_and_dropped(
    standin: StandinServer, method: str, path: str, body: Any
) -> None:
    send(standin, "PUT", "v1/customers/ada", {"email": "ada@example.com"})
    before = standin.person("ada")

    response = send(standin, method, path, body)

    assert (response.status_code, response.text) == (200, "{}\n")
    stats = standin.stats()
    assert (stats["people"], stats["events"], stats["suppressed"]) == (1, 0, 0)
    assert standin.person("ada") == before


def test_the_cio_id_of_a_deleted_person_is_unknown(standin: StandinServer) -> None:
    send(standin, "PUT", "v1/customers/ada", {})
    person = standin.person("ada")
    assert person is not None
    send(standin, "DELETE", "v1/customers/ada")
    send(standin, "PUT", f"v1/customers/cio_{person['cio_id']}", {"plan": "pro"})

    assert standin.stats()["people"] == 0


def test_a_known_cio_id_names_the_person_with_and_without_its_prefix(standin: StandinServer) -> None:
    send(standin, "PUT", "v1/customers/ada", {"email": "old@example.com"})
    person = standin.person("ada")
    assert person is not None
    cio_id = person["cio_id"]

    send(standin, "PUT", "v1/customers/ada-2", {"cio_id": cio_id, "email": "new@example.com"})
    operation = {"type": "person", "action": "identify", "attributes": {"plan": "pro"}}
    send(standin, "POST", "v2/entity", {**operation, "identifiers": {"cio_id": f"cio_{cio_id}"}})

    assert standin.stats()["people"] == 1
    changed = standin.person("new@example.com")
    assert changed == {**person, "id": "ada-2", "email": "new@example.com", "attributes": {"plan": "pro"}}


def test_an_address_that_begins_like_a_cio_id_is_an_address(standin: StandinServer) -> None:
    send(standin, "PUT", "v1/customers/cio_team%40example.com", {})

    person = standin.person("cio_team@example.com")
    assert person is not None
    assert person["email"] == "cio_team@example.com"


V2_EVENT = {"type": "person", "action": "event", "identifiers": {"id": "ada"}, "name": "visit"}
V2_IDENTIFY = {"type": "person", "action": "identify", "identifiers": {"id": "ada"}}


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "v1/customers/ada/events", {"name": "visit", "data": None}, "data"),
        ("POST", "v1/customers/ada/events", {"name": "visit", "timestamp": None}, "timestamp"),
        ("POST", "v1/customers/ada/events", {"name": "visit", "id": None}, "id"),
        ("POST", "v1/customers/ada/events", {"name": "visit", "type": None}, "type"),
        ("POST", "v1/events", {"name": "visit", "data": None}, "data"),
        ("POST", "v1/events", {"name": "visit", "timestamp": None}, "timestamp"),
        ("PUT", "v1/customers/ada", {"_timestamp": None}, "_timestamp"),
        ("PUT", "v1/customers/ada", {"_update": None}, "_update"),
        ("POST", "v1/metrics", {"delivery_id": "d", "metric": "opened", "timestamp": None}, "timestamp"),
        ("POST", "v1/push/events", {"delivery_id": None}, "delivery_id"),
        (
            "PUT",
            "v1/customers/ada/devices",
            {"device": {"id": "x", "platform": "ios", "last_used": None}},
            "device.last_used",
        ),
        ("POST", "v2/entity", {**V2_EVENT, "attributes": None}, "attributes"),
        ("POST", "v2/entity", {**V2_EVENT, "timestamp": None}, "timestamp"),
        ("POST", "v2/entity", {**V2_EVENT, "id": None}, "id"),
        ("POST", "v2/entity", {**V2_IDENTIFY, "attributes": None}, "attributes"),
        ("POST", "v2/entity", {**V2_IDENTIFY, "cio_relationships": None}, "cio_relationships"),
    ],
)
def test_null_is_no_object_string_or_time(
    standin: StandinServer, method: str, path: str, body: Any, field: str
) -> None:
    response = send(standin, method, path, body)

    assert response.status_code == 400
    answer = response.json()
    if path.startswith("v2"):
        assert [error["field"] for error in answer["errors"]] == [field]
    else:
        assert answer["meta"]["errors"][0].startswith(f"{field}: ")
    assert (standin.stats()["people"], standin.stats()["events"]) == (0, 0)


def test_null_and_an_empty_string_remove_an_attribute(standin: StandinServer) -> None:
    send(standin, "PUT", "v1/customers/ada", {"plan": "pro", "created_at": 1_760_000_000, "city": "London"})
    assert send(standin, "PUT", "v1/customers/ada", {"plan": None, "created_at": None, "city": ""}).ok

    assert attributes(standin, "ada") == {}


@pytest.mark.parametrize(
    ("segment_id", "status"),
    [("2147483647", 200), ("2147483648", 400), ("9999999999", 400), ("99999999999", 400), ("-1", 400)],
)
@pytest.mark.parametrize("action", ["add_customers", "remove_customers"])
def test_a_segment_id_has_32_bits(standin: StandinServer, action: str, segment_id: str, status: int) -> None:
    response = send(standin, "POST", f"v1/segments/{segment_id}/{action}", {"ids": ["ada"]})

    assert response.status_code == status


def test_members_that_do_not_match_the_id_type_are_ignored(standin: StandinServer) -> None:
    send(standin, "PUT", "v1/customers/ada", {"email": "ada@example.com"})
    body = {"ids": ["not an address", "ada@example.com"]}
    assert send(standin, "POST", "v1/segments/7/add_customers?id_type=email", body).ok

    person = standin.person("ada")
    assert person is not None
    assert person["segments"] == [7]


def test_a_post_to_an_identify_path_names_the_methods_that_there_are(standin: StandinServer) -> None:
    response = send(standin, "POST", "v1/customers/ada", {"plan": "pro"})

    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, PUT"
    assert standin.stats()["people"] == 0
