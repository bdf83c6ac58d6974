"""Identifiers on the wire: a request reaches the person it is about, or is never made."""

from __future__ import annotations

from config.customerio.paths import customer_path, events_path
from pipeline.client import TrackClient
from pipeline.limiter.local import LocalLimiter
from pipeline.operation import Operation
from pipeline.outcome import Delivered, Refused
from tests.servers.odd_server import OddServer, with_server

PEOPLE = [
    "ada",
    "42",
    "a/b",
    "a%2Fb",
    "ada@example.com",
    "cio_03000010",
    "...",
    "a..b",
    "ü",
    "a?b#c",
    "a;b",
    "100%",
]
SWALLOWED = ["", ".", "..", "%2e%2e", "../accounts", "a/..", "/a", "a/", "..\\a", "a\nb", "a%00", "cio_"]


def track(person: str) -> Operation:
    return Operation("track", person, {}, event="visit")


def test_what_a_path_would_swallow_is_refused_without_a_request_and_holds_nobody_up() -> None:
    server = OddServer()
    people = [person for pair in zip(PEOPLE, SWALLOWED, strict=True) for person in pair]

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        for person in people:
            for outcome in (
                await client.send(Operation("identify", person, {})),
                await client.send(track(person)),
                *await client.send_batch([track(person), track("ada")]),
            )[:3]:
                if person in PEOPLE:
                    assert outcome == Delivered(1)
                else:
                    assert isinstance(outcome, Refused)
                    assert (outcome.attempts, outcome.status, outcome.field) == (0, None, "identifier")

    with_server(server, use)
    assert [path for path in server.raw_paths if path.startswith("/api/v1")] == [
        path for person in PEOPLE for path in (customer_path(person), events_path(person))
    ]
    assert server.raw_paths.count("/api/v2/batch") == len(people)


def test_an_address_and_a_cio_id_have_fields_of_their_own_in_v2() -> None:
    server = OddServer()

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        for person in ("ada@example.com", "cio_03000010", "ada"):
            assert await client.send_entity(track(person)) == Delivered(1)

    with_server(server, use)
    assert [body["identifiers"] for body in server.bodies] == [
        {"email": "ada@example.com"},
        {"cio_id": "03000010"},
        {"id": "ada"},
    ]
