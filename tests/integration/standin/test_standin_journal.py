"""The journal: what was applied, in that order, and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.servers.standin_server import StandinServer

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


@pytest.fixture
def standin(path: Path) -> Iterator[StandinServer]:
    with StandinServer("--journal", str(path)) as running:
        yield running


def call(standin: StandinServer, method: str, path: str, body: Any) -> int:
    url = f"{standin.url}/api/{path}"
    return requests.request(method, url, json=body, auth=("site", "key"), timeout=10).status_code


def event(name: str, event_id: str | None = None) -> dict[str, Any]:
    stamp = {} if event_id is None else {"id": event_id}
    return {"type": "person", "identifiers": {"id": "ada"}, "action": "event", "name": name, **stamp}


def brief(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(line["operation"], line["person"], line["name"]) for line in lines]


def test_every_operation_is_a_line_with_all_there_is_to_know(standin: StandinServer, path: Path) -> None:
    begun = time.monotonic()
    assert call(standin, "PUT", "v1/customers/Ada%40X.com", {"plan": "é", "_update": False}) == 200
    assert (
        call(standin, "POST", "v1/customers/ada/events", {"name": "visit", "data": {"seq": "\ud800"}}) == 200
    )
    for _ in range(2):
        batch = {"batch": [{**event("buy", ULID.lower()), "attributes": {"seq": 2}}]}
        assert call(standin, "POST", "v2/batch", batch) == 200
    assert call(standin, "POST", "v1/events", {"name": "look", "anonymous_id": "x"}) == 200

    ada = {"kind": "id", "person": "ada"}
    bought = {"operation": "event", **ada, "name": "buy", "event_id": ULID, "attributes": {"seq": 2}}
    lines = standin.journal(path)
    # The instants are of this machine's one monotonic clock, so they lie between two readings of it.
    instants = [begun, *(line.pop("at") for line in lines), time.monotonic()]
    assert instants == sorted(instants)
    assert lines == [
        {
            "operation": "identify",
            "kind": "email",
            "person": "ada@x.com",
            "name": None,
            "event_id": None,
            "duplicate": False,
            "attributes": {"plan": "é"},
        },
        {
            "operation": "event",
            **ada,
            "name": "visit",
            "event_id": None,
            "duplicate": False,
            "attributes": {"seq": "\ud800"},
        },
        {**bought, "duplicate": False},
        {**bought, "duplicate": True},
        {
            "operation": "anonymous_event",
            "kind": None,
            "person": None,
            "name": "look",
            "event_id": None,
            "duplicate": False,
            "attributes": None,
        },
    ]


def test_other_operations_and_a_reset_have_lines_too(standin: StandinServer, path: Path) -> None:
    device = {"id": "phone", "platform": "ios"}
    for method, where, body in (
        ("PUT", "v1/customers/ada", {}),
        ("PUT", "v1/customers/bob", {}),
        ("PUT", "v1/customers/ada/devices", {"device": device}),
        ("DELETE", "v1/customers/ada/devices/phone", None),
        ("POST", "v1/segments/7/add_customers", {"ids": ["ada", "nobody"]}),
        ("POST", "v1/segments/7/remove_customers", {"ids": ["ada"]}),
        ("POST", "v1/merge_customers", {"primary": {"id": "ada"}, "secondary": {"id": "bob"}}),
        ("POST", "v1/customers/ada/suppress", {}),
        ("POST", "v1/customers/ada/unsuppress", {}),
    ):
        assert call(standin, method, where, body) == 200
    standin.reset()

    lines = standin.journal(path)
    assert [(line["operation"], line["person"], line["attributes"]) for line in lines] == [
        ("identify", "ada", {}),
        ("identify", "bob", {}),
        ("add_device", "ada", {"device_id": "phone", "platform": "ios"}),
        ("delete_device", "ada", {"device_id": "phone"}),
        ("add_to_segment", "ada", {"segment_id": 7}),
        ("remove_from_segment", "ada", {"segment_id": 7}),
        ("merge", "ada", {"secondary": {"id": "bob"}}),
        ("suppress", "ada", None),
        ("unsuppress", "ada", None),
        ("reset", None, None),
    ]


def test_what_was_not_applied_has_no_line(standin: StandinServer, path: Path) -> None:
    call(standin, "POST", "v1/customers/sue/suppress", {})
    for method, where, body in (
        ("PUT", "v1/customers/sue", {}),
        ("POST", "v1/customers/sue/events", {"name": "visit"}),
        ("PUT", "v1/customers/new", {"_update": True}),
        ("DELETE", "v1/customers/nobody", None),
        ("POST", "v1/customers/ada/events", {"name": ""}),
    ):
        call(standin, method, where, body)
    for fault in ("error_share", "drop_share", "reset_share"):
        standin.set_faults(**{fault: 1.0})
        try:
            call(standin, "PUT", "v1/customers/ada", {})
        except requests.ConnectionError:
            assert fault == "reset_share"
        standin.set_faults(**{fault: 0.0})

    assert brief(standin.journal(path)) == [("suppress", "sue", None)]


def test_a_hanging_request_is_applied_and_a_half_refused_batch_in_part(
    standin: StandinServer, path: Path
) -> None:
    standin.set_faults(hang_share=1.0, hang_seconds=0)
    call(standin, "PUT", "v1/customers/ada", {})
    standin.set_faults(hang_share=0.0)
    assert call(standin, "POST", "v2/batch", {"batch": [event("a"), event(""), event("b")]}) == 207

    assert brief(standin.journal(path)) == [
        ("identify", "ada", None),
        ("event", "ada", "a"),
        ("event", "ada", "b"),
    ]


def test_a_journal_goes_on_where_it_was(standin: StandinServer, path: Path) -> None:
    call(standin, "PUT", "v1/customers/ada", {})
    with StandinServer("--journal", str(path)) as other:
        call(other, "PUT", "v1/customers/bob", {})

    assert [line["person"] for line in standin.journal(path)] == ["ada", "bob"]


def test_a_journal_that_can_be_written_no_longer_ends_the_stand_in() -> None:
    with StandinServer("--journal", "/dev/full") as standin:
        call(standin, "PUT", "v1/customers/ada", {})
        assert standin.process.wait(30) == 2
        assert standin.errors() == "error: --journal: can't write /dev/full: No space left on device\n"


def test_a_line_is_ascii_json_without_spaces(standin: StandinServer, path: Path) -> None:
    call(standin, "PUT", "v1/customers/zo%C3%AB", {"a": 1})
    (line,) = path.read_text("ascii").splitlines()
    assert line == json.dumps(json.loads(line), separators=(",", ":"))
