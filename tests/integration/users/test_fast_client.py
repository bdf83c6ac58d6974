"""What the fast client does beyond the other: one deadline for everything, bounds, stale connections."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Iterator

import gevent
import pytest
import trustme
from gevent.event import Event

from config.customerio.paths import CallKind
from config.guarded_session import MOST_BODY_BYTES
from tests.servers.scripted_server import Peer, Script, ScriptedServer
from users.answer_text import AnswerText
from users.http.client import Exchange, FastClient, Site
from users.http.connection import KEPT_CONNECTION_CLOSED
from users.http.prepared import request_bytes
from users.http.transport import judge_of
from users.outcome import FailureKind

judge_operation = judge_of(CallKind.V1, 1, AnswerText(""))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}\n"
PATIENT_SECONDS = 10.0
SHORT_SECONDS = 0.3


class Client:
    """A fast client against one server."""

    def __init__(
        self, server: ScriptedServer, seconds: float, *, resend_all: bool = False, is_traced: bool = False
    ) -> None:
        base_url = f"http://127.0.0.1:{server.port}"
        self.site = Site.of(base_url, "Basic c2VjcmV0", is_traced=is_traced)
        self.resent = 0
        self.fast = FastClient(self.site.server, seconds, resend_all=resend_all, on_resent=self._count_resent)

    def _count_resent(self) -> None:
        self.resent += 1

    def send(self, method: str = "PUT", filler: str = "") -> Exchange:
        request = request_bytes(self.site, method, "/api/v1/customers/ada", {"filler": filler})
        return self.fast.send(request, judge_operation, is_idempotent=method == "PUT")

    def kind(self, method: str = "PUT") -> FailureKind | None:
        failure = self.send(method).failure
        return failure.kind if failure else None


def with_client(
    *scripts: Script, seconds: float = PATIENT_SECONDS
) -> Iterator[tuple[ScriptedServer, Client]]:
    with ScriptedServer(*scripts).serving() as server:
        client = Client(server, seconds)
        yield server, client
        client.fast.close()


def answering(peer: Peer) -> None:
    while peer.request():
        peer.send(OK)


def answers_then(last: Script) -> Script:
    """Answer one request, then do something else with the next one."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(OK)
        last(peer)

    return script


def closes_on_request(peer: Peer) -> None:
    peer.request()


def resets_on_request(peer: Peer) -> None:
    peer.request()
    peer.reset()


def drips(answer: bytes) -> Script:
    """Send an answer a byte at a time, each well within the timeout, and all of it well beyond."""

    def script(peer: Peer) -> None:
        peer.request()
        for byte in answer:
            peer.send(bytes([byte]))
            gevent.sleep(SHORT_SECONDS / 4)

    return script


def exchange_with(*scripts: Script, seconds: float = PATIENT_SECONDS) -> tuple[Exchange, ScriptedServer]:
    """Send one request; return what became of it."""
    for server, client in with_client(*scripts, seconds=seconds):
        return client.send(), server
    raise AssertionError("there is always one")


@pytest.mark.parametrize("answer", [OK, b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + OK], ids=["answer", "interim"])
def test_a_byte_now_and_then_does_not_extend_the_deadline(answer: bytes) -> None:
    exchange, _ = exchange_with(drips(answer), seconds=SHORT_SECONDS)
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.TIMEOUT
    assert exchange.status == 0


def test_the_deadline_covers_the_tls_handshake() -> None:
    def says_nothing(peer: Peer) -> None:
        peer.wait_for_close()

    with ScriptedServer(says_nothing).serving() as server:
        site = Site.of(f"https://localhost:{server.port}", "")
        exchange = FastClient(site.server, SHORT_SECONDS).send(b"", judge_operation, is_idempotent=True)
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.TIMEOUT


def test_a_timeout_drops_the_connection_and_the_next_request_has_a_deadline_of_its_own() -> None:
    def hangs(peer: Peer) -> None:
        peer.request()
        peer.wait_for_close()

    for server, client in with_client(answers_then(hangs), answering, seconds=SHORT_SECONDS):
        kinds = [client.kind() for _ in range(4)]
        assert kinds == [None, FailureKind.TIMEOUT, None, None]
        assert server.connections == 2


@pytest.mark.parametrize(
    ("head", "piece", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n", FailureKind.CONNECTION),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a" * 1000, FailureKind.CONNECTION),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", FailureKind.CONNECTION),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", FailureKind.CONNECTION),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 10_000, FailureKind.BAD_BODY),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", b"a" * 10_000, FailureKind.BAD_BODY),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 999, FailureKind.BAD_BODY),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 999, FailureKind.BAD_BODY),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: ", b"a" * 999, FailureKind.BAD_BODY),
        (b"HTTP/1.1 503 No\r\n\r\n", b"a" * 10_000, FailureKind.SERVER_ERROR),
    ],
    ids=[
        "headers", "header", "100s", "103s", "no length", "long", "chunks", "extension", "trailer", "503",
    ],
)  # fmt: skip
def test_what_never_ends_is_cut_off(head: bytes, piece: bytes, kind: FailureKind) -> None:
    """Without a bound these would go on until the deadline, and be timeouts."""

    def endless(peer: Peer) -> None:
        peer.request()
        peer.send(head)
        while True:
            peer.send(piece)

    exchange, server = exchange_with(endless)
    assert exchange.failure is not None
    assert exchange.failure.kind is kind
    assert len(exchange.body) <= MOST_BODY_BYTES
    # The server's own sending fails: the connection is gone.
    server.last_ended.wait()


def test_a_small_body_that_inflates_to_a_large_one_is_refused() -> None:
    bomb = gzip.compress(b" " * (MOST_BODY_BYTES + 1))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(head + bomb)

    exchange, _ = exchange_with(script)
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.BAD_BODY
    assert (exchange.status, exchange.body) == (200, b"")


@pytest.mark.parametrize("extra", [b"{}", b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"])
def test_bytes_after_an_answer_end_the_connection_and_are_never_the_next_answer(extra: bytes) -> None:
    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(OK + extra)

    for server, client in with_client(script):
        assert [client.kind() for _ in range(3)] == [None, None, None]
        assert server.connections == 3


def test_bytes_that_come_between_two_requests_end_the_connection() -> None:
    sent = Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(OK)
        # The client has read the answer when it is woken; these come after it.
        asked.wait()
        peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        sent.set()
        peer.wait_for_close()

    asked = Event()
    for server, client in with_client(script, answering):
        assert client.kind() is None
        asked.set()
        sent.wait()
        assert client.kind("POST") is None
        assert server.connections == 2


def test_interim_answers_are_passed_over() -> None:
    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + OK)

    for server, client in with_client(script):
        assert [client.kind() for _ in range(3)] == [None] * 3
        assert server.connections == 1


def test_an_answer_before_the_request_is_sent_counts_and_ends_the_connection() -> None:
    def script(peer: Peer) -> None:
        peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        stop.wait()

    stop = Event()
    for server, client in with_client(script, answering):
        exchange = client.send(filler="a" * 20_000_000)
        assert (exchange.status, exchange.failure and exchange.failure.kind) == (
            413,
            FailureKind.CLIENT_ERROR,
        )
        assert client.kind() is None
        assert server.connections == 2
        stop.set()


def test_a_request_larger_than_the_socket_takes_at_once_is_sent_whole() -> None:
    lengths = []

    def script(peer: Peer) -> None:
        lengths.append(len(peer.request()))
        peer.send(OK)

    for _, client in with_client(script):
        assert client.send(filler="a" * 20_000_000).failure is None
    assert lengths[0] > 20_000_000


@pytest.mark.parametrize("goes", [closes_on_request, resets_on_request], ids=["closed", "reset"])
def test_an_idempotent_request_on_a_connection_that_just_closes_is_sent_once_more(goes: Script) -> None:
    for server, client in with_client(answers_then(goes), answering):
        assert client.kind() is None
        assert client.kind() is None
        assert (server.connections, client.resent) == (2, 1)


def test_it_is_not_sent_a_third_time() -> None:
    for server, client in with_client(answers_then(closes_on_request), closes_on_request):
        assert client.kind() is None
        assert client.kind() is FailureKind.CONNECTION
        assert (server.connections, client.resent) == (2, 1)


def test_no_request_is_repeated_once_a_byte_of_its_answer_has_come() -> None:
    def begins(peer: Peer) -> None:
        peer.request()
        peer.send(OK[:5])

    for server, client in with_client(answers_then(begins), answering):
        assert client.kind() is None
        assert client.kind() is FailureKind.CONNECTION
        assert (server.connections, client.resent) == (1, 0)


def test_a_post_on_a_connection_that_just_closes_fails_with_the_reason() -> None:
    for server, client in with_client(answers_then(closes_on_request), answering):
        assert client.kind("POST") is None
        exchange = client.send("POST")
        assert exchange.failure is not None
        assert (exchange.failure.kind, exchange.failure.detail) == (
            FailureKind.CONNECTION,
            KEPT_CONNECTION_CLOSED,
        )
        assert (server.connections, client.resent) == (1, 0)


def test_a_post_is_sent_once_more_where_that_was_chosen() -> None:
    with ScriptedServer(answers_then(closes_on_request), answering).serving() as server:
        client = Client(server, PATIENT_SECONDS, resend_all=True)
        assert [client.kind("POST"), client.kind("POST")] == [None, None]
        assert (server.connections, client.resent) == (2, 1)
        client.fast.close()


def test_a_vu_that_is_stopped_leaves_no_answer_for_its_next_request() -> None:
    def late(peer: Peer) -> None:
        peer.request()
        asked.set()
        peer.wait_for_close()

    asked = Event()
    for server, client in with_client(late, answering):
        vu = gevent.spawn(client.kind)
        asked.wait()
        vu.kill()
        assert client.kind() is None
        assert server.connections == 2


def test_tls_answers_may_be_split_anywhere() -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    with authority.cert_pem.tempfile() as ca_file:

        def script(peer: Peer) -> None:
            while peer.request():
                for byte in OK:
                    peer.send(bytes([byte]))

        with ScriptedServer(script, tls=tls).serving() as server:
            site = Site.of(f"https://localhost:{server.port}", "", ca_file)
            client = FastClient(site.server, PATIENT_SECONDS)
            request = request_bytes(site, "PUT", "/x", {"filler": "a" * 100_000})
            exchanges = [client.send(request, judge_operation, is_idempotent=True) for _ in range(3)]
            client.close()
    assert [exchange.failure for exchange in exchanges] == [None] * 3
    assert server.connections == 1


def test_a_request_without_a_place_to_go_is_refused() -> None:
    for base_url in ("ftp://localhost", "localhost:8080", "http://"):
        with pytest.raises(ValueError, match="expected http"):
            Site.of(base_url, "")


def test_what_is_sent_once_more_is_the_same_trace() -> None:
    heard: list[bytes] = []

    def hears_and_closes(peer: Peer) -> None:
        peer.request()
        peer.send(OK)
        heard.append(peer.request())

    def hears(peer: Peer) -> None:
        heard.append(peer.request())
        peer.send(OK)

    with ScriptedServer(hears_and_closes, hears).serving() as server:
        client = Client(server, PATIENT_SECONDS, is_traced=True)
        assert [client.kind(), client.kind()] == [None, None]
        client.fast.close()
    assert client.resent == 1
    assert b"\r\ntraceparent: 00-" in heard[0]
    assert heard[0] == heard[1]
