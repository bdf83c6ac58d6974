"""The client against answers that the stand-in never gives: redirects, nonsense, proxies, broken bodies."""

from __future__ import annotations

import asyncio
import datetime
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import Credentials
from pipeline.client import RetryPolicy, TrackClient
from pipeline.limiter.interface import LimiterSettings
from pipeline.limiter.local import LocalLimiter
from pipeline.operation import Operation
from pipeline.outcome import (
    BudgetSpentError,
    Delivered,
    DeliveryError,
    RedirectedError,
    Refused,
    UnauthorizedError,
    UnexpectedAnswerError,
)

SECRET = "the-secret"
QUICK = LimiterSettings(requests=10_000, concurrency=20, min_gap_seconds=0.0)
PATIENT = RetryPolicy(attempts=None, total_seconds=30.0, base_seconds=0.0)
PERSON = "ada-in-person"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def says(status: int, body: Any = b"{}\n", headers: Mapping[str, str] | None = None) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=content, headers=headers)

    return answer


class OddServer:
    """Gives the answers it is told to, one after the other, and then 200 to everything."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.paths: list[str] = []
        self.bodies: list[Any] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        body = await request.read()
        self.bodies.append(json.loads(body) if body else None)
        answer = self.answers.pop(0) if self.answers else says(200)
        return await answer(request)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = web.Application(client_max_size=10**7)
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            await runner.cleanup()


@asynccontextmanager
async def client_of(
    url: str, limits: LimiterSettings = QUICK, **options: Any
) -> AsyncIterator[tuple[TrackClient, LocalLimiter]]:
    limiter = LocalLimiter(limits)
    options = {"retry": PATIENT, "credentials": Credentials("the-site", SECRET), **options}
    async with TrackClient(base_url=url, limiter=limiter, **options) as client:
        yield client, limiter
    await limiter.aclose()


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(coroutine, 30)

    asyncio.run(bounded())


def with_server(
    server: OddServer, use: Callable[[TrackClient, LocalLimiter], Awaitable[None]], **options: Any
) -> None:
    async def main() -> None:
        async with server.serving(), client_of(server.url, **options) as (client, limiter):
            await use(client, limiter)

    run(main())


def identify(person: str = PERSON, **attributes: Any) -> Operation:
    return Operation("identify", person, attributes)


def batch(*persons: str) -> list[Operation]:
    return [identify(person) for person in persons]


# -- answers that end it --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("https://track-eu.customer.io/api/v1/customers/x", "in the region EU; set CUSTOMERIO_REGION=eu"),
        ("https://track.customer.io/", "in the region US; set CUSTOMERIO_REGION=us"),
        ("http://127.0.0.1:1/secret-path", "to http://127.0.0.1: redirects are not followed"),
        ("http://[::1", "to elsewhere: redirects are not followed"),
        ("", "to elsewhere: redirects are not followed"),
    ],
)
@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_is_not_followed_and_says_where_to(status: int, location: str, message: str) -> None:
    server = OddServer(says(status, headers={"Location": location}))

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        with pytest.raises(RedirectedError) as caught:
            await client.send(identify())
        assert f"{status} from {server.url} " in str(caught.value)
        assert message in str(caught.value)
        assert "secret" not in str(caught.value)

    with_server(server, use)
    assert len(server.paths) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_credentials_end_it_at_once(status: int) -> None:
    server = OddServer(*[says(status, {"meta": {"error": "Unauthorized request"}})] * 4)

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        for call in (
            client.send(identify()),
            client.send_entity(identify()),
            client.send_batch(batch("a", "b")),
            client.check_credentials(),
        ):
            with pytest.raises(
                UnauthorizedError, match=f"{status} from .*: the site id or the API key is wrong"
            ):
                await call
        assert limiter.stats().running == 0

    with_server(server, use)
    assert len(server.paths) == 4


def test_a_host_that_is_no_track_api_fails_the_check() -> None:
    server = OddServer(says(404, b"<html>Not Found</html>"))

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        with pytest.raises(DeliveryError, match=r"404 from .*: is this the Track API"):
            await client.check_credentials()
        await client.check_credentials()

    with_server(server, use)
    assert server.paths == ["/api/v1/accounts/region"] * 2


@pytest.mark.parametrize(("status", "reason"), [(400, "invalid"), (413, "too_large"), (422, "status_422")])
def test_what_no_retry_helps_is_refused_at_once(status: int, reason: str) -> None:
    server = OddServer(*[says(status, b"<html>no</html>")] * 3)

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        outcomes = [await client.send(identify()), await client.send_entity(identify())]
        outcomes += await client.send_batch(batch("a"))
        assert [(o.attempts, o.status, o.reason) for o in outcomes if isinstance(o, Refused)] == [
            (1, status, reason)
        ] * 3

    with_server(server, use)
    assert len(server.paths) == 3


@pytest.mark.parametrize("status", [402, 404, 405, 410])
def test_an_answer_about_the_address_blames_no_operation(status: int) -> None:
    server = OddServer(*[says(status, b"<html>no</html>")] * 2)

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        with pytest.raises(UnexpectedAnswerError, match=rf"{status} from .*: is this the Track API"):
            await client.send(identify())
        with pytest.raises(UnexpectedAnswerError):
            await client.send_batch(batch("a", "b"))

    with_server(server, use)
    assert len(server.paths) == 2


def test_a_success_that_is_nobodys_at_customerio_is_none() -> None:
    server = OddServer(says(200, b"<html>Please sign in</html>"), says(200, b"[]"))

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        assert await client.send_batch(batch("a", "b")) == [Delivered(3), Delivered(3)]

    with_server(server, use)
    assert len(server.paths) == 3


# -- answers that pass ----------------------------------------------------------------------------


async def breaks_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.close()
    return response


def test_proxies_answers_and_broken_ones_are_retried() -> None:
    html = b"<html>Bad Gateway</html>"
    server = OddServer(
        *(says(status, html) for status in (408, 500, 502, 503, 504, 522, 524)),
        *(says(503, html, {"Retry-After": text}) for text in ("soon", "-5", "0", "")),
        says(503, html, {"Retry-After": "Wed, 25 Nov 1998 12:00:00 GMT"}),
        breaks_off,
    )
    words: list[str] = []
    requests: list[str] = []

    def requested(word: str, seconds: float) -> None:
        assert 0 <= seconds < 10
        requests.append(word)

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        assert await client.send(identify()) == Delivered(14)
        assert limiter.stats().throttled == 0

    with_server(server, use, on_retry=words.append, on_request=requested)
    assert words == ["408", "500", "502", "503", "504", "522", "524", *["503"] * 5, "connection"]
    assert requests == [*words, "200"]


@pytest.mark.parametrize("form", ["seconds", "date"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_beyond_the_budget_ends_it_at_once(status: int, form: str) -> None:
    date = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    text = "3600" if form == "seconds" else format_datetime(date, usegmt=True)
    server = OddServer(says(status, headers={"Retry-After": text}))

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        with pytest.raises(BudgetSpentError, match=f"given up after 1 attempts: {status}"):
            await client.send(identify())
        assert limiter.stats().throttled == (1 if status == 429 else 0)

    with_server(server, use)


def test_a_date_is_waited_for() -> None:
    date = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=2)
    server = OddServer(says(503, headers={"Retry-After": format_datetime(date, usegmt=True)}))

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        assert await client.send(identify()) == Delivered(2)
        assert time.time() >= int(date.timestamp())

    with_server(server, use)


def test_whoever_waits_to_try_again_holds_no_slot() -> None:
    server = OddServer(says(503, headers={"Retry-After": "250"}))
    waiting = asyncio.Event()
    one = LimiterSettings(requests=10_000, concurrency=1, min_gap_seconds=0.0)

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        first = asyncio.ensure_future(client.send(identify()))
        await waiting.wait()
        assert await client.send(identify()) == Delivered(1)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first

    for_ever = RetryPolicy(attempts=None, total_seconds=None)
    with_server(server, use, limits=one, retry=for_ever, on_retry=lambda word: waiting.set())


def test_a_body_that_does_not_come_is_a_timeout() -> None:
    async def stalls(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.Event().wait()
        return response

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        with pytest.raises(BudgetSpentError, match=r"2 attempts: no answer within 0\.2 s"):
            await client.send(identify())
        assert limiter.stats().running == 0

    quick = RetryPolicy(attempts=2, base_seconds=0.0)
    with_server(OddServer(stalls, stalls), use, timeout_seconds=0.2, retry=quick)


@pytest.mark.parametrize("status", [200, 400])
def test_a_body_without_end_is_read_in_part_and_its_connection_closed(status: int) -> None:
    ended = asyncio.Event()

    async def floods(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        finally:
            ended.set()

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        outcome = await client.send(identify())
        await ended.wait()
        if status == 200:
            # Whose end nobody has read is no success: it was sent again.
            assert outcome == Delivered(2)
        else:
            assert isinstance(outcome, Refused)
        assert await client.send(identify()) == Delivered(1)

    with_server(OddServer(floods), use)


def test_what_is_no_http_is_a_fault_that_names_neither_person_nor_secret() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        server = await asyncio.start_server(babble, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with (
            server,
            client_of(f"http://127.0.0.1:{port}", retry=RetryPolicy(attempts=1)) as (client, _),
        ):
            with pytest.raises(BudgetSpentError, match="no answer that is HTTP") as caught:
                await client.send(identify())
        async with client_of(f"http://127.0.0.1:{port}", retry=RetryPolicy(attempts=1)) as (client, _):
            with pytest.raises(BudgetSpentError, match=f"connect to host 127.0.0.1:{port}") as refused:
                await client.send(identify())
        for error in (caught.value, refused.value):
            assert PERSON not in str(error)
            assert SECRET not in str(error)

    run(main())


# -- batches --------------------------------------------------------------------------------------


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
