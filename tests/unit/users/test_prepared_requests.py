"""A prepared request is the one that a kind's call describes, byte for byte where it counts."""

from __future__ import annotations

import json
import re
import time
from argparse import Namespace
from dataclasses import replace

import pytest
from locust.env import Environment

from config.profile import load_profile
from engine.locust_host import LocustHost
from metrics.store import MetricStore
from run.made_up_people import made_up_people
from shapes.clock import Arrival, ArrivalClock
from shapes.rate_options import schedule_of
from users.arrival_user import ArrivalUser
from users.failure_log import FailureLog
from users.http.client import Site
from users.http.factory import HttpClient
from users.http.prepared import ID, NOW, RequestTemplate, request_bytes
from users.identify import IdentifyUser
from users.kinds import shipped_kinds
from users.people import PeoplePool
from users.scenario import Scenario, SignIn
from users.track import TrackUser

SITE = Site.of("http://localhost:8080", "Basic c2VjcmV0")


def scenario_of(kind: str) -> Scenario:
    options = next(options for options in load_profile("smoke").scenarios.values() if options.user == kind)
    clock = ArrivalClock(schedule_of(options))
    people = PeoplePool("run-1", made_up_people(seed=1))
    environment = Environment()
    environment.create_local_runner()
    host = LocustHost(environment, Namespace(json=False))
    sign_in = SignIn("Basic c2VjcmV0")
    return Scenario("a", options, clock, MetricStore(), people, FailureLog(), sign_in, HttpClient.FAST, host)


@pytest.mark.parametrize("user", [IdentifyUser, TrackUser])
@pytest.mark.parametrize("number", [1, 499, 500, 123_456])
def test_a_prepared_request_is_what_the_call_describes(
    user: type[ArrivalUser], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.1234)
    vu_class = user.for_scenario(scenario_of(user.kind))
    write = vu_class.prepare(SITE)
    assert write is not None
    method, path, body = vu_class.__new__(vu_class).call(Arrival(number, 0.0))
    assert method == vu_class.method
    assert write(number) == request_bytes(SITE, method, path, body)


def test_a_request_has_the_length_of_its_body_and_the_headers_of_the_api() -> None:
    request = request_bytes(SITE, "PUT", "/api/v1/customers/1", {"name": "Zoë", "at": [1, None]})
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode("ascii").split("\r\n")
    assert lines[0] == "PUT /api/v1/customers/1 HTTP/1.1"
    assert {
        "Host: localhost:8080",
        "Authorization: Basic c2VjcmV0",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    } <= set(lines)
    assert json.loads(body) == {"name": "Zoë", "at": [1, None]}


def test_a_traced_request_has_a_trace_of_its_own_and_is_otherwise_the_same() -> None:
    traced = Site.of("http://localhost:8080", "Basic c2VjcmV0", is_traced=True)
    template = RequestTemplate(traced, "PUT", f"/customers/{ID}", {"n": NOW})
    requests = [template.fill({"id": "1", "now": 7}) for _ in range(2)]
    requests += [request_bytes(traced, "PUT", "/customers/1", {"n": 7}) for _ in range(2)]
    header = re.compile(rb"\r\ntraceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-01(?=\r\n)")
    ids = [header.search(request) for request in requests]
    assert len({found.group(1) for found in ids if found}) == 4
    assert len({found.group(2) for found in ids if found}) == 4
    plain = request_bytes(SITE, "PUT", "/customers/1", {"n": 7})
    assert {header.sub(b"", request) for request in requests} == {plain}


def test_what_a_path_or_a_text_holds_never_becomes_a_line_or_a_hole() -> None:
    path = "/a b\r\nX: 1/%41/%(id)s"
    head = request_bytes(SITE, "PUT", path, {}).partition(b"\r\n")[0]
    assert head == b"PUT /a%20b%0D%0AX:%201/%41/%(id)s HTTP/1.1"
    template = RequestTemplate(SITE, "PUT", f"/100%/{ID}", {"50%": f"%s %d {ID}", "now": NOW})
    request = template.fill({"id": "ada", "now": 7})
    assert request == request_bytes(SITE, "PUT", "/100%/ada", {"50%": "%s %d ada", "now": 7})


@pytest.mark.parametrize("is_prepared", [True, False], ids=["prepared", "call"])
def test_an_event_can_be_dated_back(is_prepared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it was sent stays in its data."""
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.25)
    vu_class = TrackUser.for_scenario(replace(scenario_of("track"), event_age_seconds=73 * 3600.0))
    write = vu_class.prepare(SITE)
    assert write is not None
    sent = json.loads(write(1).partition(b"\r\n\r\n")[2])
    body = sent if is_prepared else vu_class.__new__(vu_class).call(Arrival(1, 0.0))[2]
    assert body["timestamp"] == 1_800_000_000 - 262_800
    assert body["data"]["timestamp"] == 1_800_000_000_250


# They name people: Customer.io passes over those whom it does not know, or gets nothing of it.
CREATES_NOBODY = {"BroadcastUser", "WebhookUser"}


@pytest.mark.parametrize("kind", sorted(shipped_kinds()))
@pytest.mark.parametrize("arrivals", [1, 7, 40])
def test_nobody_is_sent_whom_a_clean_up_would_not_know(kind: str, arrivals: int) -> None:
    user = shipped_kinds()[kind]
    vu_class = user.for_scenario(scenario_of("track"))
    vu = vu_class.__new__(vu_class)
    calls = json.dumps([vu.call(Arrival(number, 0.0)) for number in range(1, arrivals + 1)])
    numbers = [int(number) for number in re.findall(r"load-test-run-1-(\d+)", calls)]
    if kind in CREATES_NOBODY:
        assert user.people_in(arrivals) == 0
        return
    # No more than there are: a clean-up would ask for people who never were.
    assert max(numbers) == user.people_in(arrivals)
    objects = set(re.findall(r"load-test-run-1-company-\d+", calls))
    assert len(objects) == user.objects_of(user.people_in(arrivals))
