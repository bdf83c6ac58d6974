"""Batches against answers that the stand-in never gives: the refused are told apart from the taken."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.client import RetryPolicy, TrackClient
from pipeline.limiter.interface import LimiterSettings
from pipeline.limiter.local import LocalLimiter
from pipeline.outcome import (
    BudgetSpentError,
    Delivered,
    Refused,
)
from tests.servers.odd_server import OddServer, batch, breaks_off, identify, says, with_server


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Multi-Status</html>",
        {"errors": []},
        {"errors": [{"batch_index": 3, "reason": "invalid"}]},
        {"errors": [{"batch_index": 0, "reason": "invalid"}, {"reason": "invalid"}]},
    ],
)
def test_after_a_207_that_says_nothing_every_item_goes_alone(body: Any) -> None:
    bad = {"errors": [{"reason": "invalid", "field": "identifiers", "message": "no"}]}
    server = OddServer(says(207, body), says(200), says(400, bad), says(207), says(200))
    words: list[str] = []

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        assert await client.send_batch(batch("a", "b", "c")) == [
            Delivered(2),
            Refused(2, 400, "invalid", "identifiers", "no"),
            Delivered(3),
        ]

    with_server(server, use, on_retry=words.append)
    assert words == ["unreadable_207", "unreadable_207"]
    assert server.paths == ["/api/v2/batch"] + ["/api/v2/entity"] * 4
    assert [body["identifiers"]["id"] for body in server.bodies[1:]] == ["a", "b", "c", "c"]


def test_a_single_operation_is_not_delivered_by_a_207() -> None:
    no = {"errors": [{"batch_index": 0, "reason": "required", "field": "name", "message": "no"}]}

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        assert await client.send_entity(identify()) == Refused(1, 207, "required", "name", "no")
        with pytest.raises(BudgetSpentError, match="207 that names no reason"):
            await client.send(identify())

    with_server(OddServer(says(207, no), says(207, {})), use, retry=RetryPolicy(attempts=1))


def persons(body: Any) -> list[str]:
    """Whom a request is about, in order; of an ``/entity`` too."""
    return [item["identifiers"]["id"] for item in body.get("batch", [body])]


@pytest.mark.parametrize("status", [400, 413])
def test_one_bad_item_never_condemns_the_others(status: int) -> None:
    """Answers that name nobody: halves, down to the one that is bad."""
    server = OddServer()

    async def picky(request: web.Request) -> web.StreamResponse:
        server.answers.append(picky)
        return await says(status if "bad" in persons(server.bodies[-1]) else 200)(request)

    server.answers.append(picky)
    everybody = ["a", "b", "c", "bad", "d", "e", "f", "g"]

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        outcomes = await client.send_batch(batch(*everybody))
        refused = outcomes.pop(3)
        assert isinstance(refused, Refused)
        assert (refused.attempts, refused.status) == (4, status)
        assert refused.reason == ("invalid" if status == 400 else "too_large")
        assert all(isinstance(outcome, Delivered) for outcome in outcomes)

    with_server(server, use)
    assert [persons(body) for body in server.bodies] == [
        everybody,
        everybody[:4],
        ["a", "b"],
        ["c", "bad"],
        ["c"],
        ["bad"],
        everybody[4:],
    ]


def test_a_400_that_names_one_item_at_a_time_comes_to_its_end() -> None:
    items = 200
    no = {"errors": [{"batch_index": 0, "reason": "invalid", "field": "", "message": "no"}]}
    server = OddServer(*[says(400, no)] * items)

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        outcomes = await client.send_batch(batch(*map(str, range(items))))
        assert outcomes == [Refused(number, 400, "invalid", "", "no") for number in range(1, items + 1)]

    with_server(server, use, limits=LimiterSettings(requests=10**6, min_gap_seconds=0.0))


Mood = st.sampled_from(["honest", "nameless", "large", "unreadable", "broken", "busy"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.lists(Mood, max_size=20))
def test_whatever_a_server_answers_the_good_are_taken_and_the_bad_refused(
    goods: list[bool], moods: list[str]
) -> None:
    """The order of what was taken, counted by its last taking, is that of the batch."""
    everybody = [f"{'good' if good else 'bad'}{number}" for number, good in enumerate(goods)]
    taken: list[str] = []
    moods = list(moods)
    server = OddServer()

    async def moody(request: web.Request) -> web.StreamResponse:
        server.answers.append(moody)
        mood = moods.pop() if moods else "honest"
        sent = persons(server.bodies[-1])
        bad = [index for index, person in enumerate(sent) if person.startswith("bad")]
        if mood == "busy":
            return await says(503)(request)
        if mood == "large" and len(sent) > 1:
            return await says(413)(request)
        if bad and (mood == "nameless" or len(bad) == len(sent)):
            named = mood == "honest" and len(sent) > 1
            errors = [{"batch_index": index, "reason": "invalid"} for index in bad]
            return await says(400, {"errors": errors} if named else {"meta": {"error": "no"}})(request)
        taken.extend(person for person in sent if person.startswith("good"))
        if mood == "broken":
            return await breaks_off(request)
        if mood == "unreadable":
            return await says(207, b"<html>")(request)
        errors = [{"batch_index": index, "reason": "invalid"} for index in bad]
        return await says(207 if bad else 200, {"errors": errors})(request)

    server.answers.append(moody)

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        outcomes = await client.send_batch(batch(*everybody))
        assert [isinstance(outcome, Delivered) for outcome in outcomes] == goods
        carried = Counter(person for body in server.bodies for person in persons(body))
        assert {p: o.attempts for p, o in zip(everybody, outcomes, strict=True)} == carried

    with_server(server, use)
    last = {person: index for index, person in enumerate(taken)}
    assert sorted(last, key=last.__getitem__) == [p for p in everybody if p.startswith("good")]
