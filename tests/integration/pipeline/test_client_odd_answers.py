"""The client against answers that the stand-in never gives: redirects, nonsense, proxies, broken bodies."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import fcntl
import gzip
import re
import sys
import termios
import time
from email.utils import format_datetime

import pytest
from aiohttp import web

from pipeline.client import RetryPolicy, TrackClient
from pipeline.limiter.interface import LimiterSettings
from pipeline.limiter.local import LocalLimiter
from pipeline.outcome import (
    BudgetSpentError,
    Delivered,
    DeliveryError,
    RedirectedError,
    Refused,
    UnauthorizedError,
    UnexpectedAnswerError,
)
from tests.programs.track_client import SECRET, client_of, run
from tests.programs.waiting import until
from tests.servers.odd_server import (
    PATIENT,
    PERSON,
    OddServer,
    batch,
    breaks_off,
    identify,
    says,
    with_server,
)

SUCCESS = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}\n"
FAILURE = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"

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


# -- answers to nobody ----------------------------------------------------------------------------


def test_an_answer_that_no_request_asked_for_delivers_nothing() -> None:
    """A stray 200 on an idle connection is not the answer to the next request."""
    is_idle, stray_arrived = asyncio.Event(), asyncio.Event()
    connections: list[int] = []  # of each request, in order

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = len(set(connections))
        with contextlib.suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(int(re.findall(rb"(?i)content-length: (\d+)", head)[0]))
                connections.append(connection)
                writer.write(FAILURE if len(connections) == 2 else SUCCESS)
                if len(connections) == 1:
                    await is_idle.wait()
                    writer.write(SUCCESS)
                    await until(lambda: is_acknowledged(writer))
                    stray_arrived.set()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, client_of(url, retry=PATIENT) as (client, _):
            assert await client.send(identify()) == Delivered(1)
            is_idle.set()
            await stray_arrived.wait()
            for _ in range(10):
                await asyncio.sleep(0)  # a turn of the loop reads it
            assert await client.send(identify()) == Delivered(3)

    run(main())
    # The first try of the second one was not sent.
    assert connections == [0, 1, 1]


def is_acknowledged(writer: asyncio.StreamWriter) -> bool:
    """Return whether all that was written is in the kernel of the other side."""
    left = fcntl.ioctl(writer.get_extra_info("socket").fileno(), termios.TIOCOUTQ, b"\0" * 4)
    return int.from_bytes(left, sys.byteorder) == 0


def test_a_compressed_answer_that_is_cut_short_is_none() -> None:
    whole = gzip.compress(b"{}\n")
    gzipped = {"Content-Encoding": "gzip"}
    bomb = gzip.compress(b" " * 10_000_000 + b"{}")
    server = OddServer(
        *(says(200, body, gzipped) for body in (whole[:-1], whole[:-10], bomb, b"junk", whole))
    )

    async def use(client: TrackClient, limiter: LocalLimiter) -> None:
        assert await client.send(identify()) == Delivered(5)

    with_server(server, use)
    assert len(server.paths) == 5
