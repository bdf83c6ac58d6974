"""Track v1 as a client sees it, on the running stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from config.customerio.limits import limit
from tests.servers.standin_server import StandinServer

CREDENTIALS = ("site", "key")


@pytest.fixture(scope="module")
def server() -> Iterator[StandinServer]:
    with StandinServer() as running:
        yield running


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.auth = CREDENTIALS
        yield session


@pytest.fixture
def standin(server: StandinServer) -> StandinServer:
    server.reset()
    return server


class Client:
    """Sends to the stand-in; only paths and bodies are of interest to the tests."""

    def __init__(self, url: str, session: requests.Session) -> None:
        self._url = url
        self._session = session

    def __call__(self, method: str, path: str, content: Any = None, **more: Any) -> requests.Response:
        return self._session.request(method, self._url + path, json=content, timeout=10, **more)

    def ok(self, method: str, path: str, content: Any = None) -> None:
        response = self(method, path, content)
        assert (response.status_code, response.text) == (200, "{}\n")


@pytest.fixture
def send(standin: StandinServer, session: requests.Session) -> Client:
    return Client(standin.url, session)


def test_identify_and_track_are_stored_and_counted(standin: StandinServer, send: Client) -> None:
    send.ok("PUT", "/api/v1/customers/ada", {"email": "ada@example.com", "plan": "basic"})
    send.ok("POST", "/api/v1/customers/ada/events", {"name": " purchase ", "data": {"price": 1}})
    send.ok("POST", "/api/v1/customers/ada/events", {"name": "/pricing", "type": "page"})
    send.ok("POST", "/api/v1/events", {"name": "visit", "anonymous_id": "a1"})

    stats = standin.stats()
    assert stats["requests"] == {"identify": 1, "track": 2, "track_anonymous": 1}
    assert stats["statuses"] == {"200": 4}
    assert (stats["people"], stats["people_created"], stats["events"]) == (1, 1, 3)
    person = standin.person("ada@example.com")
    assert person is not None
    assert person["id"] == "ada"
    assert person["attributes"] == {"plan": "basic"}
    assert person["events"] == {"purchase": 1, "/pricing": 1}


def test_an_encoded_identifier_is_one_identifier(standin: StandinServer, send: Client) -> None:
    send.ok("PUT", "/api/v1/customers/a%2Fb%20c%40x.com", {"plan": "basic"})

    person = standin.person("a/b c@x.com")
    assert person is not None
    assert person["email"] == "a/b c@x.com"


def test_an_event_creates_its_person(standin: StandinServer, send: Client) -> None:
    send.ok("POST", "/api/v1/customers/bob/events", {"name": "visit"})

    assert standin.stats()["people_created"] == 1


def test_update_only_does_not_create(standin: StandinServer, send: Client) -> None:
    send.ok("PUT", "/api/v1/customers/ada", {"_update": True, "plan": "basic"})

    assert standin.stats()["people"] == 0


def test_instructions_are_no_attributes(standin: StandinServer, send: Client) -> None:
    send.ok(
        "PUT",
        "/api/v1/customers/ada",
        {"_update": False, "_timestamp": 1_760_000_000, "cio_relationships": {}, "_load_test": True},
    )

    person = standin.person("ada")
    assert person is not None
    assert person["attributes"] == {"_load_test": True}


def test_a_cio_id_changes_identifiers(standin: StandinServer, send: Client) -> None:
    send.ok("PUT", "/api/v1/customers/ada", {"email": "ada@example.com"})
    person = standin.person("ada")
    assert person is not None
    send.ok("PUT", f"/api/v1/customers/cio_{person['cio_id']}", {"email": "new@example.com"})

    changed = standin.person("ada")
    assert changed is not None
    assert changed["email"] == "new@example.com"


def test_repeated_event_ids_count_once(standin: StandinServer, send: Client) -> None:
    for _ in range(3):
        send.ok("POST", "/api/v1/customers/ada/events", {"name": "visit", "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"})

    stats = standin.stats()
    assert (stats["events"], stats["duplicates"]) == (1, 2)


def test_suppressed_people_do_not_come_back(standin: StandinServer, send: Client) -> None:
    send.ok("PUT", "/api/v1/customers/ada", {})
    send.ok("POST", "/api/v1/customers/ada/suppress", {})
    send.ok("PUT", "/api/v1/customers/ada", {})
    send.ok("POST", "/api/v1/customers/ada/events", {"name": "visit"})
    assert standin.stats()["people"] == 0

    send.ok("POST", "/api/v1/customers/ada/unsuppress", {})
    send.ok("PUT", "/api/v1/customers/ada", {})
    assert standin.stats()["people"] == 1


def test_delete_with_and_without_a_body(standin: StandinServer, send: Client) -> None:
    send.ok("PUT", "/api/v1/customers/ada", {})
    send.ok("PUT", "/api/v1/customers/bob", {})
    send.ok("DELETE", "/api/v1/customers/ada", {})
    send.ok("DELETE", "/api/v1/customers/bob")

    assert standin.stats()["people"] == 0


def test_devices_come_and_go(standin: StandinServer, send: Client) -> None:
    send.ok("PUT", "/api/v1/customers/ada/devices", {"device": {"id": "a/b", "platform": "ios"}})
    send.ok("PUT", "/api/v1/customers/ada/devices", {"device": {"id": "c", "platform": "android"}})
    send.ok("DELETE", "/api/v1/customers/ada/devices/a%2Fb", {})

    person = standin.person("ada")
    assert person is not None
    assert person["devices"] == {"c": "android"}


def test_segments(standin: StandinServer, send: Client) -> None:
    send.ok("PUT", "/api/v1/customers/ada", {"email": "ada@example.com"})
    send.ok("POST", "/api/v1/segments/7/add_customers", {"ids": ["ada", "nobody"]})
    send.ok("POST", "/api/v1/segments/8/add_customers?id_type=email", {"ids": ["ada@example.com"]})
    send.ok("POST", "/api/v1/segments/7/remove_customers", {"ids": ["ada"]})

    person = standin.person("ada")
    assert person is not None
    assert person["segments"] == [8]


def test_merge(standin: StandinServer, send: Client) -> None:
    send.ok("PUT", "/api/v1/customers/ada", {"plan": "basic"})
    send.ok("PUT", "/api/v1/customers/bob@example.com", {"city": "London"})
    send.ok(
        "POST",
        "/api/v1/merge_customers",
        {"primary": {"id": "ada"}, "secondary": {"email": "bob@example.com"}},
    )

    person = standin.person("ada")
    assert person is not None
    assert person["attributes"] == {"plan": "basic", "city": "London"}
    assert standin.stats()["people"] == 1


def test_a_form_identifies_and_answers_204(standin: StandinServer, send: Client) -> None:
    response = send("POST", "/api/v1/forms/f1/submit", {"data": {"email": "ada@example.com", "form_id": "x"}})

    assert (response.status_code, response.content) == (204, b"")
    assert "content-length" not in response.headers
    person = standin.person("ada@example.com")
    assert person is not None
    assert person["attributes"] == {}


@pytest.mark.parametrize("data", [{"id": "ada", "email": None}, {"id": None, "email": "ada@example.com"}])
def test_one_of_a_forms_identifiers_can_be_null(standin: StandinServer, send: Client, data: Any) -> None:
    assert send("POST", "/api/v1/forms/f1/submit", {"data": {**data, "plan": "pro"}}).status_code == 204

    person = standin.person(data["id"] or data["email"])
    assert person is not None
    assert person["attributes"] == {"plan": "pro"}


def test_metrics_push_events_and_unsubscribe_need_no_credentials(standin: StandinServer) -> None:
    for path, content in (
        ("/api/v1/metrics", {"delivery_id": "d", "metric": "opened", "timestamp": 1_760_000_000}),
        ("/api/v1/push/events", {"delivery_id": "d", "event": "opened", "device_id": "x"}),
        ("/unsubscribe/d", {"unsubscribe": True}),
    ):
        response = requests.post(standin.url + path, json=content, timeout=10)
        assert (response.status_code, response.text) == (200, "{}\n")

    assert standin.stats()["requests"] == {"metrics": 1, "push_metrics": 1, "unsubscribe": 1}


def test_region_names_the_stand_in_itself(standin: StandinServer, send: Client) -> None:
    response = send("GET", "/api/v1/accounts/region")

    assert response.json() == {"url": standin.url, "region": "us", "environment_id": 1}
    head = send("HEAD", "/api/v1/accounts/region")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("PUT", "/api/v1/customers/ada", {"created_at": 1_760_000_000_000}),
        ("PUT", "/api/v1/customers/ada", {"a": "x" * (limit("attribute_value_bytes") + 1)}),
        ("PUT", "/api/v1/customers/" + "x" * (limit("identifier_bytes") + 1), {}),
        ("PUT", "/api/v1/customers/ada", []),
        ("PUT", "/api/v1/customers/%ff", {}),
        ("POST", "/api/v1/customers/ada/events", {"data": {}}),
        ("POST", "/api/v1/events", {"name": "x" * (limit("event_name_bytes") + 1)}),
        ("PUT", "/api/v1/customers/ada/devices", {"device": {"id": "x", "platform": "symbian"}}),
        (
            "PUT",
            "/api/v1/customers/ada/devices",
            {"device": {"id": "x", "platform": "ios", "attributes": "x"}},
        ),
        ("PUT", "/api/v1/customers/ada/devices", {}),
        ("POST", "/api/v1/segments/seven/add_customers", {"ids": ["ada"]}),
        ("POST", "/api/v1/segments/7/add_customers", {"ids": []}),
        ("POST", "/api/v1/segments/7/add_customers?id_type=phone", {"ids": ["ada"]}),
        ("POST", "/api/v1/segments/7/remove_customers", {"ids": [None]}),
        ("POST", "/api/v1/forms/f1/submit", {"data": {"email": "ada@example.com", "age": 36}}),
        ("POST", "/api/v1/forms/f1/submit", {"data": {"name": "Ada"}}),
        ("POST", "/api/v1/forms/f1/submit", {"data": {"id": None, "email": None}}),
        ("POST", "/api/v1/forms/f1/submit", {"data": {"email": "ada@example.com", "plan": None}}),
        ("POST", "/api/v1/metrics", {"delivery_id": "d", "metric": "eaten"}),
        ("POST", "/api/v1/push/events", {"event": "eaten"}),
    ],
)
def test_400_lists_the_errors(
    standin: StandinServer, send: Client, method: str, path: str, content: Any
) -> None:
    response = send(method, path, content)

    assert response.status_code == 400
    (message,) = response.json()["meta"]["errors"]
    assert message
    stats = standin.stats()
    assert stats["statuses"] == {"400": 1}
    assert (stats["people"], stats["events"]) == (0, 0)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/api/v1/merge_customers", {"primary": {"id": "ada"}}),
        ("/api/v1/merge_customers", {"primary": {"id": "a", "email": "a@x.com"}, "secondary": {"id": "b"}}),
        ("/unsubscribe/d", {"unsubscribe": "yes"}),
    ],
)
def test_400_of_merge_and_unsubscribe_is_one_error(send: Client, path: str, content: Any) -> None:
    response = send("POST", path, content)

    assert response.status_code == 400
    assert isinstance(response.json()["meta"]["error"], str)


@pytest.mark.parametrize("body", [b"", b"{", b'{"a":"\xff"}', b"null"])
def test_a_body_that_is_no_json_object(standin: StandinServer, send: Client, body: bytes) -> None:
    response = send("PUT", "/api/v1/customers/ada", data=body)

    assert response.status_code == 400
    assert response.json()["meta"]["errors"]


@pytest.mark.parametrize("auth", [None, ("site", ""), ("", "key")])
def test_without_credentials_401(standin: StandinServer, auth: tuple[str, str] | None) -> None:
    response = requests.put(f"{standin.url}/api/v1/customers/ada", json={}, auth=auth, timeout=10)

    assert response.status_code == 401
    assert response.json() == {"meta": {"error": "Unauthorized request"}}
    stats = standin.stats()
    assert stats["requests"] == {"identify": 1}
    assert stats["statuses"] == {"401": 1}
    assert stats["people"] == 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("PUT", "/api/v1/customers/", 404), ("POST", "/api/v1/customers/ada", 405)],
)
def test_wrong_paths_and_methods_are_counted_as_unknown(
    standin: StandinServer, send: Client, method: str, path: str, status: int
) -> None:
    assert send(method, path, {}).status_code == status
    assert standin.stats()["requests"] == {"unknown": 1}


def test_the_largest_person_is_taken(standin: StandinServer, send: Client) -> None:
    attributes = {
        f"{number:0{limit('attribute_name_bytes')}}": "x" * limit("attribute_value_bytes")
        for number in range(limit("attributes_per_person"))
    }
    send.ok("PUT", "/api/v1/customers/ada", attributes)

    person = standin.person("ada")
    assert person is not None
    assert person["attributes"] == attributes


def test_a_body_beyond_all_bounds_is_413(standin: StandinServer, send: Client) -> None:
    response = send("PUT", "/api/v1/customers/ada", data=b" " * (4 * 1024 * 1024 + 1))

    assert response.status_code == 413
    assert standin.stats()["statuses"] == {"413": 1}
