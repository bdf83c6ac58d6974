"""Anonymous events: they join the person who is identified with their anonymous id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from customerio import CustomerIO

from tests.servers.standin_server import StandinServer


@pytest.fixture(scope="module")
def server() -> Iterator[StandinServer]:
    with StandinServer("--tls") as running:
        yield running


@pytest.fixture
def standin(server: StandinServer) -> StandinServer:
    server.reset()
    return server


def send(standin: StandinServer, method: str, path: str, body: dict[str, Any]) -> int:
    url = f"{standin.url}/api/{path}"
    return requests.request(
        method, url, json=body, auth=("site", "key"), verify=standin.ca_file, timeout=10
    ).status_code


def look(standin: StandinServer, name: str, anonymous_id: Any) -> int:
    return send(standin, "POST", "v1/events", {"name": name, "anonymous_id": anonymous_id})


def events(standin: StandinServer, who: str) -> dict[str, int]:
    person = standin.person(who)
    assert person is not None
    counts: dict[str, int] = person["events"]
    return counts


def test_events_before_and_after_the_identify_join_the_person(standin: StandinServer) -> None:
    assert look(standin, "visit", "cookie") == 200
    assert look(standin, "visit", "cookie") == 200
    assert look(standin, "visit", "another cookie") == 200
    assert send(standin, "PUT", "v1/customers/ada", {"anonymous_id": "cookie"}) == 200
    assert events(standin, "ada") == {"visit": 2}

    assert look(standin, "buy", "cookie") == 200

    assert events(standin, "ada") == {"visit": 2, "buy": 1}
    assert standin.stats()["events"] == 4
    assert standin.stats()["people"] == 1


def test_a_v2_identify_joins_them_too(standin: StandinServer) -> None:
    look(standin, "visit", "cookie")
    operation = {"type": "person", "action": "identify", "identifiers": {"email": "ada@example.com"}}
    assert send(standin, "POST", "v2/entity", {**operation, "attributes": {"anonymous_id": "cookie"}}) == 200

    assert events(standin, "ada@example.com") == {"visit": 1}


def test_an_anonymous_id_is_not_reusable(standin: StandinServer) -> None:
    look(standin, "visit", "cookie")
    send(standin, "PUT", "v1/customers/ada", {"anonymous_id": "cookie"})
    send(standin, "PUT", "v1/customers/bob", {"anonymous_id": "cookie"})
    look(standin, "buy", "cookie")

    assert events(standin, "ada") == {"visit": 1, "buy": 1}
    assert events(standin, "bob") == {}

    send(standin, "DELETE", "v1/customers/ada", {})
    look(standin, "buy", "cookie")
    send(standin, "PUT", "v1/customers/eve", {"anonymous_id": "cookie"})
    assert events(standin, "eve") == {}


def test_a_merge_hands_the_anonymous_id_on(standin: StandinServer) -> None:
    send(standin, "PUT", "v1/customers/ada", {})
    send(standin, "PUT", "v1/customers/bob", {"anonymous_id": "cookie"})
    merge = {"primary": {"id": "ada"}, "secondary": {"id": "bob"}}
    assert send(standin, "POST", "v1/merge_customers", merge) == 200
    look(standin, "visit", "cookie")

    assert events(standin, "ada") == {"visit": 1}


def test_a_suppressed_person_gets_none(standin: StandinServer) -> None:
    look(standin, "visit", "cookie")
    send(standin, "POST", "v1/customers/eve/suppress", {})
    send(standin, "PUT", "v1/customers/eve", {"anonymous_id": "cookie"})
    send(standin, "PUT", "v1/customers/ada", {"anonymous_id": "cookie"})

    assert events(standin, "ada") == {"visit": 1}


def test_a_whole_number_means_its_digits(standin: StandinServer) -> None:
    with CustomerIO("site", "key", host="127.0.0.1", port=standin.port) as client:
        client.http.verify = standin.ca_file
        client.http.trust_env = False
        client.track_anonymous(42, "visit")
        client.track_anonymous(None, "visit")
        client.identify("ada", anonymous_id="42")

    assert events(standin, "ada") == {"visit": 1}
    assert standin.stats()["statuses"] == {"200": 3}


@pytest.mark.parametrize("anonymous_id", ["", None, True, 4.5, ["cookie"], {"id": "cookie"}, 10**30])
def test_any_other_anonymous_id_is_refused(standin: StandinServer, anonymous_id: Any) -> None:
    assert look(standin, "visit", anonymous_id) == 400
    if anonymous_id not in (None, ""):  # As attributes, these two remove.
        assert send(standin, "PUT", "v1/customers/ada", {"anonymous_id": anonymous_id}) == 400
    assert standin.stats()["people"] == standin.stats()["events"] == 0
