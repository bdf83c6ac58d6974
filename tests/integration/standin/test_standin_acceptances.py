"""The log of acceptances: which operations were accepted, and at which instant of the monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.servers.standin_server import StandinServer

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("standin") / "journal.jsonl"


@pytest.fixture(scope="module")
def server(path: Path) -> Iterator[StandinServer]:
    with StandinServer("--journal", str(path)) as running:
        yield running


@pytest.fixture
def standin(server: StandinServer) -> StandinServer:
    """Return the stand-in with a new log of acceptances, and without people."""
    server.reset()
    assert ask(server, "POST", "accepted", {"attribute": "my_id"})[0] == 200
    return server


def ask(standin: StandinServer, method: str, page: str, body: Any = None) -> tuple[int, Any]:
    answer = requests.request(method, f"{standin.url}/_standin/{page}", json=body, timeout=10)
    return answer.status_code, answer.json()


def batch(standin: StandinServer, *items: dict[str, Any]) -> int:
    whole = [{"type": "person", "identifiers": {"id": "ada"}, **item} for item in items]
    url = f"{standin.url}/api/v2/batch"
    return requests.post(url, json={"batch": whole}, auth=("site", "key"), timeout=10).status_code


def identify(my_id: object) -> dict[str, Any]:
    return {"action": "identify", "attributes": {"my_id": my_id}}


def event(my_id: object, **more: str) -> dict[str, Any]:
    return {"action": "event", "name": "buy", "attributes": {"my_id": my_id}, **more}


def ids(page: dict[str, Any]) -> list[str]:
    return [my_id for my_id, _ in page["accepted"]]


def test_an_accepted_operation_has_an_entry_with_the_instant_that_the_journal_has(
    standin: StandinServer, path: Path
) -> None:
    begun = time.monotonic()
    assert batch(standin, identify("a"), event("b"), {**event("c"), "name": ""}) == 207
    auth, url = ("site", "key"), f"{standin.url}/api/v1/customers/ada/events"
    assert requests.post(url, json={"name": "v1", "data": {"my_id": "d"}}, auth=auth, timeout=10).ok
    _, page = ask(standin, "GET", "accepted")

    assert ids(page) == ["a", "b", "d"]
    instants = [begun, *(at for _, at in page["accepted"]), page["clock"], time.monotonic()]
    assert instants == sorted(instants)
    journaled = {
        line["attributes"]["my_id"]: line["at"]
        for line in standin.journal(path)
        if line["attributes"] and "my_id" in line["attributes"]
    }
    assert dict(page["accepted"]) == journaled


def test_a_repetition_has_an_entry_of_its_own(standin: StandinServer) -> None:
    for _ in range(2):
        assert batch(standin, event("again", id=ULID)) == 200
    assert ids(ask(standin, "GET", "accepted")[1]) == ["again", "again"]


def test_a_reader_confirms_what_it_has_read(standin: StandinServer) -> None:
    assert batch(standin, identify("a"), identify("b")) == 200
    first = ask(standin, "GET", "accepted?after=0")[1]
    assert (ids(first), first["next"]) == (["a", "b"], 2)
    # Until it is confirmed it can be read again: an answer may be lost on its way.
    assert ids(ask(standin, "GET", "accepted?after=0")[1]) == ["a", "b"]
    assert ids(ask(standin, "GET", "accepted?after=1")[1]) == ["b"]
    assert ask(standin, "GET", "accepted?after=2")[1]["accepted"] == []
    status, answer = ask(standin, "GET", "accepted?after=0")
    assert (status, answer["meta"]["error"]) == (409, "after: expected 2 to 2, got 0")


def test_what_has_no_id_has_no_entry(standin: StandinServer) -> None:
    assert batch(standin, {"action": "identify", "attributes": {}}, event(7), event("x" * 201)) == 200
    assert ask(standin, "GET", "accepted")[1]["accepted"] == []


def test_what_is_dropped_or_failed_has_no_entry(standin: StandinServer) -> None:
    for fault in ("drop_share", "error_share"):
        standin.set_faults(**{fault: 1.0})
        batch(standin, identify("a"))
        standin.set_faults(**{fault: 0.0})
    assert ask(standin, "GET", "accepted")[1]["accepted"] == []


def test_the_log_outlives_a_reset_and_can_be_ended(standin: StandinServer) -> None:
    standin.reset()
    assert batch(standin, identify("a")) == 200
    assert ids(ask(standin, "GET", "accepted")[1]) == ["a"]
    assert ask(standin, "POST", "accepted", {"attribute": None}) == (200, {"attribute": None})
    status, answer = ask(standin, "GET", "accepted")
    assert status == 409
    assert answer["meta"]["error"].startswith("acceptances are not recorded")


@pytest.mark.parametrize("body", [{}, {"attribute": 7}, {"attribute": "a", "more": 1}], ids=str)
def test_another_request_is_refused(standin: StandinServer, body: dict[str, Any]) -> None:
    assert ask(standin, "POST", "accepted", body)[0] == 400


@pytest.mark.parametrize("after", ["-1", "x", "9" * 30])
def test_another_number_is_refused(standin: StandinServer, after: str) -> None:
    assert ask(standin, "GET", f"accepted?after={after}")[0] == 400
