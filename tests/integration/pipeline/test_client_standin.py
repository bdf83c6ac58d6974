"""The client against the stand-in: what arrives there, what comes back, and what faults do to both."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tests.programs.track_client
from pipeline.client import RetryPolicy, TrackClient
from pipeline.client.before_sending import BATCH_BYTES
from pipeline.limiter.interface import LimiterSettings
from pipeline.limiter.local import LocalLimiter
from pipeline.operation import Operation
from pipeline.outcome import BudgetSpentError, Delivered, Refused
from tests.programs.track_client import QUICK, run
from tests.programs.waiting import until
from tests.servers.standin_server import StandinServer

HONEST = {
    "error_share": 0.0,
    "reset_share": 0.0,
    "hang_share": 0.0,
    "drop_share": 0.0,
    "rate_limit": None,
    "retry_after": False,
    "pause_seconds": 0,
}
Opening = AbstractAsyncContextManager[tuple[TrackClient, LocalLimiter]]
PATIENT = RetryPolicy(attempts=None, total_seconds=30.0, base_seconds=0.001, cap_seconds=0.01)


class Standin(NamedTuple):
    server: StandinServer
    journal_path: Path

    def journal(self) -> list[dict[str, Any]]:
        return self.server.journal(self.journal_path)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    path = tmp_path_factory.mktemp("standin") / "journal.jsonl"
    with StandinServer("--journal", str(path)) as server:
        yield Standin(server, path)


@pytest.fixture
def standin(running: Standin) -> Standin:
    running.server.set_faults(**HONEST)
    running.server.reset()
    running.journal_path.write_bytes(b"")
    return running


def client_of(url: str, limits: LimiterSettings = QUICK, **options: Any) -> Opening:
    return tests.programs.track_client.client_of(url, limits, **{"retry": PATIENT, **options})


def identify(person: str = "ada", **attributes: Any) -> Operation:
    return Operation("identify", person, attributes)


def event(name: str = "visit", person: str = "ada", **data: Any) -> Operation:
    return Operation("track", person, data, event=name)


# -- what arrives ---------------------------------------------------------------------------------


def test_v1_and_v2_bring_the_same(standin: Standin) -> None:
    when = Operation("track", "a b/ä?", {"seq": 2}, event="buy", timestamp=1_760_000_000)

    async def main() -> None:
        async with client_of(standin.server.url) as (client, _):
            await client.check_credentials()
            assert await client.send(identify("a b/ä?", plan="pro")) == Delivered(1)
            assert await client.send(when) == Delivered(1)
            assert await client.send_entity(identify("a b/ä?", plan="pro")) == Delivered(1)
            assert await client.send_entity(when) == Delivered(1)
            outcomes = await client.send_batch([identify("a b/ä?", plan="pro"), when])
            assert outcomes == [Delivered(1), Delivered(1)]
            assert await client.send_batch([]) == []

    run(main())
    lines = standin.journal()
    for line in lines:
        line["event_id"] = len(line["event_id"] or "")
    instants = [line.pop("at") for line in lines]
    assert instants == sorted(instants)
    known = {"kind": "id", "person": "a b/ä?", "duplicate": False}
    assert (
        lines
        == [
            {**known, "operation": "identify", "name": None, "event_id": 0, "attributes": {"plan": "pro"}},
            {**known, "operation": "event", "name": "buy", "event_id": 26, "attributes": {"seq": 2}},
        ]
        * 3
    )
    assert standin.server.stats()["requests"] == {
        "region": 1,
        "identify": 1,
        "track": 1,
        "entity": 2,
        "batch": 1,
    }


def test_every_item_of_a_batch_has_its_own_fate_in_its_place(standin: Standin) -> None:
    operations = [
        event("first"),
        event(""),
        event("large", text="x" * 33_000),
        event("second"),
        identify(plan="x" * 1001),
        event("third", nan=float("nan")),
        event("fourth"),
    ]

    async def main() -> None:
        async with client_of(standin.server.url) as (client, _):
            outcomes = await client.send_batch(operations)
            assert [outcomes[index] for index in (0, 3, 6)] == [Delivered(1)] * 3
            assert outcomes[1] == Refused(1, 207, "required", "name", "expected a non-empty string")
            assert [
                (outcome.attempts, outcome.status, outcome.reason, outcome.field)
                for outcome in outcomes
                if isinstance(outcome, Refused)
            ] == [
                (1, 207, "required", "name"),
                (0, None, "too_large", ""),
                (1, 207, "too_large", "attributes.plan"),
                (0, None, "invalid", ""),
            ]

    run(main())
    assert [line["name"] for line in standin.journal()] == ["first", "second", "fourth"]
    assert standin.server.stats()["requests"] == {"batch": 1}


def test_a_batch_of_which_nothing_is_taken_says_why_for_each(standin: Standin) -> None:
    async def main() -> None:
        async with client_of(standin.server.url) as (client, _):
            outcomes = await client.send_batch([event(""), identify(created_at="soon")])
            assert [(o.attempts, o.status, o.field) for o in outcomes if isinstance(o, Refused)] == [
                (1, 400, "name"),
                (1, 400, "attributes.created_at"),
            ]
            assert await client.send_batch([event(nan=float("nan"))]) != []

    run(main())
    assert standin.server.stats()["requests"] == {"batch": 1}


def test_refusals_of_one_operation(standin: Standin) -> None:
    async def main() -> None:
        async with client_of(standin.server.url) as (client, _):
            assert await client.send(event("")) == Refused(
                1, 400, "invalid", "", "name: expected a non-empty string"
            )
            refused = await client.send_entity(event("e" * 101))
            assert isinstance(refused, Refused)
            assert (refused.status, refused.reason, refused.field) == (400, "too_large", "name")
            large = await client.send(event(text="x" * 100_001))
            assert isinstance(large, Refused)
            assert (large.attempts, large.status, large.reason) == (0, None, "too_large")

    run(main())
    assert standin.server.stats()["requests"] == {"track": 1, "entity": 1}


def test_a_batch_beyond_the_limit_is_the_callers_mistake(standin: Standin) -> None:
    item = identify(**{f"a{number}": "x" * 900 for number in range(30)})
    most = (BATCH_BYTES - 12) // (len(item.v2_item) + 1)

    async def main() -> None:
        async with client_of(standin.server.url) as (client, _):
            assert await client.send_batch([item] * most) == [Delivered(1)] * most
            with pytest.raises(ValueError, match="at most 499999 are allowed"):
                await client.send_batch([item] * (most + 1))

    run(main())
    assert standin.server.stats()["requests"] == {"batch": 1}


def test_ids_that_make_a_full_batch_too_large_split_it(standin: Standin) -> None:
    frame = len(event().v2_item) + len('"a":""')
    full = [event(a="x" * (1000 - frame - 1))] * ((BATCH_BYTES - 11) // 1000)
    full.append(event(a="x" * ((BATCH_BYTES - 11) % 1000 - frame - 1)))

    async def main() -> None:
        async with client_of(standin.server.url) as (client, _):
            assert await client.send_batch(full) == [Delivered(1)] * len(full)

    run(main())
    stats = standin.server.stats()
    assert (stats["requests"], stats["events"]) == ({"batch": 2}, len(full))


# -- faults ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["error_share", "reset_share"])
def test_every_attempt_is_counted_and_every_operation_arrives_once(standin: Standin, fault: str) -> None:
    """A PUT whose kept connection breaks among them: nothing repeats it but the client itself."""
    standin.server.set_faults(**{fault: 0.3}, seed=5)
    words: Counter[str] = Counter()

    async def main() -> None:
        async with client_of(standin.server.url, on_retry=lambda word: words.update([word])) as (
            client,
            limiter,
        ):
            sends = [client.send(identify(f"p{number}")) for number in range(50)]
            sends += [client.send(event(f"e{number}")) for number in range(50)]
            outcomes = await asyncio.gather(*sends)
            attempts = [outcome.attempts for outcome in outcomes if isinstance(outcome, Delivered)]
            assert len(attempts) == 100
            requests = standin.server.stats()["requests_total"]
            assert sum(attempts) == requests == limiter.stats().done == 100 + words.total()

    run(main())
    assert words.keys() == {"500" if fault == "error_share" else "connection"}
    stats = standin.server.stats()
    assert (stats["people"], stats["events"], stats["duplicates"]) == (51, 50, 0)


def test_a_request_without_an_answer_is_repeated_and_its_event_counts_once(standin: Standin) -> None:
    standin.server.set_faults(hang_share=1.0)
    words: list[str] = []

    def heal(word: str) -> None:
        words.append(word)
        standin.server.set_faults(hang_share=0.0)

    async def main() -> None:
        async with client_of(standin.server.url, timeout_seconds=0.3, on_retry=heal) as (client, _):
            assert await client.send_batch([event("a"), event("b")]) == [Delivered(2), Delivered(2)]

    run(main())
    assert words == ["timeout"]
    assert [(line["name"], line["duplicate"]) for line in standin.journal()] == [
        ("a", False),
        ("b", False),
        ("a", True),
        ("b", True),
    ]


def test_a_429_slows_the_limiter_and_its_wait_is_kept(standin: Standin) -> None:
    standin.server.set_faults(rate_limit=1, retry_after=True)

    async def main() -> None:
        async with client_of(standin.server.url) as (client, limiter):
            started = time.monotonic()
            first, second = await client.send(identify()), await client.send(identify())
            assert time.monotonic() - started >= 1.0
            assert (first, second) == (Delivered(1), Delivered(2))
            assert limiter.stats().throttled == 1
            assert limiter.stats().requests_allowed < QUICK.requests

    run(main())
    assert standin.server.stats()["statuses"] == {"200": 2, "429": 1}


def test_a_budget_of_attempts_ends_in_an_error_that_says_why(standin: Standin) -> None:
    standin.server.set_faults(error_share=1.0)

    async def main() -> None:
        async with client_of(standin.server.url, retry=RetryPolicy(attempts=3, base_seconds=0.001)) as (
            client,
            limiter,
        ):
            with pytest.raises(BudgetSpentError, match="given up after 3 attempts: 500") as caught:
                await client.send_batch([identify()])
            assert caught.value.attempts == 3
            assert limiter.stats().running == 0

    run(main())
    assert standin.server.stats()["statuses"] == {"500": 3}


def test_a_full_queue_of_the_limiter_is_waited_for(standin: Standin) -> None:
    narrow = LimiterSettings(requests=10_000, concurrency=1, min_gap_seconds=0.0, max_queued=1)

    async def main() -> None:
        async with client_of(standin.server.url, narrow) as (client, limiter):
            outcomes = await asyncio.gather(*(client.send(identify(f"p{number}")) for number in range(20)))
            assert outcomes == [Delivered(1)] * 20
            assert limiter.stats().done == 20

    run(main())


@pytest.mark.parametrize("call", ["send", "send_batch"])
def test_a_cancelled_call_leaves_nothing_behind(standin: Standin, call: str) -> None:
    standin.server.set_faults(pause_seconds=3600)

    async def main() -> None:
        async with client_of(standin.server.url) as (client, limiter):
            sending = asyncio.ensure_future(
                client.send(identify()) if call == "send" else client.send_batch([identify()])
            )
            await until(lambda: standin.server.stats()["in_flight"] == 1)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert limiter.stats().running == 0
            standin.server.set_faults(pause_seconds=0)
            # Its connection is closed: the stand-in finds nobody to answer.
            await until(lambda: standin.server.stats()["statuses"] == {"disconnected": 1})
            assert await client.send(identify("bob")) == Delivered(1)

    run(main())


def test_it_trusts_the_authority_that_it_is_told_to() -> None:
    once = RetryPolicy(attempts=1)

    async def main() -> None:
        async with client_of(server.url, retry=once, ca_file=server.ca_file) as (client, _):
            assert await client.send(identify()) == Delivered(1)
        async with client_of(server.url, retry=once) as (client, _):
            with pytest.raises(BudgetSpentError, match="certificate verify failed"):
                await client.send(identify())

    with StandinServer("--tls") as server:
        run(main())
