"""The Pipelines API in place of the Track API: what arrives, what is refused, and what faults do to both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from aiohttp import web

from config.settings import Credentials
from pipeline.client import PIPELINES_BATCH_BYTES, RetryPolicy, TrackClient, refusal
from pipeline.limiter.local import LocalLimiter
from pipeline.operation import AnonymousEvent, NativeOperation, Operation
from pipeline.outcome import Delivered, DeliveryError, Held, Outcome, Refused, UnauthorizedError
from tests.programs.track_client import client_of, run
from tests.servers.odd_server import OddServer, says, with_server
from tests.servers.standin_server import StandinServer

KEY = "the-write-key"
PATIENT = RetryPolicy(attempts=None, total_seconds=30.0, base_seconds=0.001, cap_seconds=0.01)
# Above the published limit of an attribute's value, which the client leaves to Customer.io.
TOO_LONG = "x" * 1001


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StandinServer, Path]]:
    journal = tmp_path_factory.mktemp("standin") / "journal.jsonl"
    with StandinServer("--write-key", KEY, "--journal", str(journal)) as server:
        yield server, journal


@pytest.fixture
def standin(running: tuple[StandinServer, Path]) -> StandinServer:
    running[0].set_faults(error_share=0.0, reset_share=0.0)
    running[0].reset()
    return running[0]


def client(
    standin: StandinServer, key: str = KEY
) -> AbstractAsyncContextManager[tuple[TrackClient, LocalLimiter]]:
    return client_of(standin.url, retry=PATIENT, credentials=Credentials(key, ""), hold=True)


def operations(count: int) -> list[Operation]:
    """Return an identify and an event of each person."""
    people = [Operation("identify", f"p{number}", {"plan": "free"}) for number in range(count)]
    events = [Operation("track", f"p{number}", {"seq": number}, event="visit") for number in range(count)]
    return [*people, *events]


def test_single_calls_and_batches_bring_the_same(standin: StandinServer) -> None:
    sent: list[Outcome | Held] = []

    async def main() -> None:
        when = Operation("track", "ada", {"seq": 1}, event="visit", timestamp=1_760_000_000)
        anonymous = AnonymousEvent(
            "page", "device-1", "home", {}, 1_760_000_000, "01J9ZZZZZZZZZZZZZZZZZZZZZZ"
        )
        async with client(standin) as (track, _):
            sent.append(await track.send_call(Operation("identify", "ada", {"plan": "free"})))
            sent.append(await track.send_call(when))
            sent.extend(await track.send_batch([*operations(10), anonymous], "pipelines"))

    run(main())
    assert sent == [Delivered(1)] * 23
    stats = standin.stats()
    assert stats["requests"] == {"pipelines_identify": 1, "pipelines_track": 1, "pipelines_batch": 1}
    assert stats["statuses"] == {"200": 3}
    assert stats["ignored"] == 0
    assert (stats["people"], stats["events"]) == (11, 12)
    person = standin.person("p3")
    assert person is not None
    assert person["attributes"]["plan"] == "free"


def test_a_refused_call_is_found_and_condemns_no_other(standin: StandinServer) -> None:
    outcomes: list[Outcome | Held] = []

    async def main() -> None:
        bad = Operation("identify", "bad", {"bio": TOO_LONG})
        async with client(standin) as (track, _):
            outcomes.extend(
                await track.send_batch([*operations(8)[:7], bad, *operations(8)[7:]], "pipelines")
            )

    run(main())
    assert isinstance(outcomes.pop(7), Refused)
    assert [isinstance(outcome, Delivered) for outcome in outcomes] == [True] * 16
    stats = standin.stats()
    assert (stats["people"], stats["events"], stats["ignored"]) == (8, 8, 0)


def test_faults_lose_nothing_and_count_no_event_twice(standin: StandinServer) -> None:
    # A reset may come after the batch was applied: the same messageId keeps its events from counting twice.
    # Few enough that ten attempts of one request do not all meet one.
    standin.set_faults(error_share=0.2, reset_share=0.2)

    async def main() -> None:
        async with client(standin) as (track, _):
            for start in range(0, 60, 10):
                batch = operations(60)[start : start + 10] + operations(60)[60 + start : 70 + start]
                for outcome in await track.send_batch(batch, "pipelines"):
                    assert isinstance(outcome, Delivered)

    run(main())
    stats = standin.stats()
    assert (stats["people"], stats["events"], stats["ignored"]) == (60, 60, 0)


def test_a_call_that_keeps_failing_is_held_while_others_are_accepted() -> None:
    outcomes: list[Outcome | Held] = []

    async def fails_for_one(request: web.Request) -> web.StreamResponse:
        is_bad = '"bad"' in await request.text()
        return await says(500 if is_bad else 200, {"success": True})(request)

    server = OddServer(*[fails_for_one] * 50)

    async def use(track: TrackClient, limiter: LocalLimiter) -> None:
        batch = [*operations(3), Operation("identify", "bad", {})]
        outcomes.extend(await track.send_batch(batch, "pipelines"))
        again = await track.retry_alone(batch[-1], "pipelines")
        assert isinstance(again, Held)
        assert again.is_blamed

    with_server(server, use, hold=True, retry=PATIENT)
    assert [type(outcome) for outcome in outcomes] == [Delivered] * 6 + [Held]
    # What shows that others are accepted creates nobody.
    probes = [body for body in server.bodies if body.get("anonymousId")]
    assert probes
    assert all(set(probe) == {"anonymousId", "traits"} and not probe["traits"] for probe in probes)


def test_the_write_key_is_checked_without_a_change(standin: StandinServer) -> None:
    async def main() -> None:
        async with client(standin) as (track, _):
            await track.check_write_key()
        async with client(standin, "another-key") as (track, _):
            with pytest.raises(UnauthorizedError, match=r"401 from .*: the write key is wrong"):
                await track.check_write_key()

    run(main())
    stats = standin.stats()
    assert stats["statuses"] == {"400": 1, "401": 1}
    assert stats["people"] == stats["ignored"] == 0


def test_a_host_that_is_not_strict_is_not_delivered_to() -> None:
    async def use(track: TrackClient, limiter: LocalLimiter) -> None:
        with pytest.raises(DeliveryError, match=r"200 from .* to an invalid call: expected 400"):
            await track.check_write_key()

    with_server(OddServer(says(200, {"success": True})), use)


def test_what_has_no_form_there_is_refused_before_it_is_sent() -> None:
    native = NativeOperation("delete", {"type": "person", "action": "delete"}, "ada", {"id": "ada"})
    for operation in (native, Operation("identify", "cio_abc", {})):
        refused = refusal(operation, "pipelines")
        assert refused is not None
        assert (refused.reason, refused.status) == ("unsupported", None)
        assert "expected TRACK_API=v2" in refused.message
    too_large = refusal(Operation("identify", "ada", {"bio": "x" * 32_768}), "pipelines")
    assert too_large is not None
    assert too_large.reason == "too_large"


def test_a_batch_is_never_larger_than_may_be(standin: StandinServer) -> None:
    large = [Operation("track", f"p{number}", {"x": "x" * 32_000}, event="e") for number in range(16)]

    async def main() -> None:
        async with client(standin) as (track, _):
            with pytest.raises(ValueError, match=f"at most {PIPELINES_BATCH_BYTES} are allowed"):
                await track.send_batch(large, "pipelines")
            outcomes = await track.send_batch(large[:15], "pipelines")
            assert all(isinstance(outcome, Delivered) for outcome in outcomes)

    run(main())
    assert standin.stats()["events"] == 15
