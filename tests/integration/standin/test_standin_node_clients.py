"""Customer.io's own client for Node against the stand-in: the newest version, and version 4."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.programs.node import run_node
from tests.servers.standin_server import StandinServer

PAGE = (Path(__file__).resolve().parents[3] / "docs/official-clients.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def server() -> Iterator[StandinServer]:
    # More calls of the App API than its limit allows in the time.
    with StandinServer("--tls", "--no-app-limits") as running:
        yield running


def run(server: StandinServer, script: str, version: str) -> Any:
    server.reset()
    assert server.ca_file is not None
    return run_node(script, version, server.url, ca_file=server.ca_file)


def listed_methods(version: str, client: str) -> set[str]:
    """Return the methods that the page's table has for a client."""
    rows = re.findall(rf"^\| Node {version} `{client}` \| .* \| (.*) \|$", PAGE, re.MULTILINE)
    return set(re.findall(r"`(\w+)`", " ".join(rows)))


def check_that_all_passed(version: str, report: Any, methods: dict[str, int]) -> None:
    for client, called in report["calls"].items():
        assert called == dict.fromkeys(report["methods"][client], "ok")
        assert listed_methods(version, client) == set(report["methods"][client])
    assert {client: len(names) for client, names in report["methods"].items()} == methods


def test_every_method_of_the_newest_one(server: StandinServer) -> None:
    report = run(server, "every_method.js", "5")

    check_that_all_passed("5", report, {"TrackClient": 19, "APIClient": 160, "PipelinesClient": 7})
    assert server.stats()["statuses"].keys() == {"200", "204"}
    assert server.stats()["ignored"] == 0
    results = report["results"]
    person = server.person("a/b c")
    assert person is not None
    assert person["attributes"] == {"plan": "basic", "tier": 1}
    assert person["events"] == {"purchase": 1, "/pricing": 1, "in a batch": 1}
    assert person["devices"] == {"phone": "ios"}
    assert person["segments"] == [7]
    assert results["APIClient.getAttributes"]["customer"]["attributes"]["plan"] == "basic"
    assert results["APIClient.getCustomersByEmail"]["results"][0]["id"] == "a/b c"
    assert results["APIClient.searchCustomers"]["identifiers"][0]["id"] == "a/b c"
    assert len(results["APIClient.getCustomerMessages"]["messages"]) == 2
    assert results["APIClient.getCustomerMessages"]["next"] == "2"
    assert results["APIClient.getSegmentCustomerCount"] == {"count": 1}
    assert results["APIClient.getBroadcastTriggerStatus"]["recipients"] == 1
    assert results["APIClient.getBroadcastTriggerErrors"]["errors"][0]["recipient"] == "nobody"
    assert results["APIClient.getTransactionalMessageLanguage"]["content"]["body"] == "Bonjour"
    assert results["APIClient.getCollectionContent"] == [{"a": 1}]
    assert results["APIClient.getSnippets"]["snippets"] == [{"name": "n", "value": "w"}]
    archived = results["APIClient.getArchivedMessage"]["archived_message"]["body"]
    assert archived["attachments"] == {"a.txt": "dGV4dA=="}
    related = results["APIClient.getObjectRelationships"]["cio_relationships"]
    assert [(each["identifiers"]["id"], each["relationship_attributes"]) for each in related] == [
        ("a/b c", {"role": "admin"})
    ]
    grace = server.person("grace")
    assert grace is not None
    assert (grace["email"], grace["attributes"]) == ("grace@example.com", {"anonymous_id": "before"})
    assert grace["events"] == {"purchase": 1, "Pricing": 1, "Home": 1, "in a batch": 1}


def test_every_method_of_version_4(server: StandinServer) -> None:
    report = run(server, "every_method.js", "4")

    check_that_all_passed("4", report, {"TrackClient": 11, "APIClient": 13})
    assert server.stats()["statuses"].keys() == {"200"}
    person = server.person("a/b c")
    assert person is not None
    assert (person["events"], person["devices"]) == ({"purchase": 1, "/pricing": 1}, {"phone": "ios"})
    assert server.stats()["deliveries"] == dict.fromkeys(
        ("email", "push", "sms", "inbox_message", "in_app"), 1
    )
    assert server.stats()["broadcasts"] == 2


def test_the_newest_one_retries(server: StandinServer) -> None:
    """It sends four times; told when to come back by a 429, it comes back once."""
    seen = run(server, "retries.js", "5")

    assert seen["500"] == {"outcome": "CustomerIORequestError", "statuses": {"500": 4}}
    assert seen["reset"] == {"outcome": "TypeError", "statuses": {"reset": 4}}
    # In this case it is told to retry once only, as each attempt takes its timeout.
    assert seen["hang"]["outcome"] == "TimeoutError"
    assert sum(seen["hang"]["statuses"].values()) == 2
    # Its last attempt succeeds if the machine stood still for the second that the limit looks back.
    assert seen["429"] in (
        {"outcome": "CustomerIORequestError", "statuses": {"200": 1, "429": 4}},
        *({"outcome": "ok", "statuses": {"200": 2, "429": refused}} for refused in (1, 2, 3)),
    )
    assert seen["429 with Retry-After"] == {"outcome": "ok", "statuses": {"200": 2, "429": 1}}


def test_version_4_never_retries(server: StandinServer) -> None:
    """It has no effective timeout either: it waits for an answer as long as that takes."""
    seen = run(server, "retries.js", "4")

    assert seen["500"] == {"outcome": "CustomerIORequestError", "statuses": {"500": 1}}
    assert seen["reset"] == {"outcome": "Error", "statuses": {"reset": 1}}
    assert seen["hang"] == {"outcome": "ok", "statuses": {"200": 1}}
    assert seen["429"] == {"outcome": "CustomerIORequestError", "statuses": {"200": 1, "429": 1}}
    assert seen["429 with Retry-After"] == {
        "outcome": "CustomerIORequestError",
        "statuses": {"200": 1, "429": 1},
    }
