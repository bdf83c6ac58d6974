"""One table of answers through every HTTP client: the same classification, counts and events."""

from __future__ import annotations

import gzip
import re
import ssl
import tracemalloc
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
import pytest
import trustme
from locust import HttpUser, task
from locust.env import Environment

from tests.integration.users.scenario_users import arrival, users_of
from tests.servers.scripted_server import Peer, Script, ScriptedServer
from users.http.factory import HttpClient, new_transport
from users.identify import IdentifyUser
from users.outcome import Failure, FailureKind
from users.transport import Call, Transport

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{}\n"
# Far beyond what any answer here takes on a busy machine; the cases of a deadline have a short one.
TIMEOUT_SECONDS = 60.0
SHORT_SECONDS = 0.3


class Vu(HttpUser):
    """Stands for any VU; the transports need one for Locust's session and events."""

    abstract = True

    @task
    def nothing(self) -> None:
        """Locust wants a task."""


@dataclass
class Sender:
    """A transport of a kind, and the events that it fires."""

    transport: Transport
    events: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        client: HttpClient,
        base_url: str,
        seconds: float,
        ca_file: str | None = None,
        *,
        is_traced: bool = False,
    ) -> Sender:
        environment = Environment(host=base_url)
        vu = type("Vu", (Vu,), {"host": base_url})(environment)
        sender = cls(
            new_transport(client, vu, base_url, "Basic c2VjcmV0", ca_file, seconds, is_traced=is_traced)
        )
        environment.events.request.add_listener(lambda **event: sender.events.append(event))
        return sender

    def send(self, method: str = "PUT") -> Failure | None:
        return self.transport.send(Call(method, "/api/v1/customers/a%20b", "identify", {"plan": "free"}))


@dataclass(frozen=True)
class Case:
    """An answer, and the kind of failure that it is; ``length`` is the body's in Locust's event."""

    name: str
    script: Script
    kind: FailureKind | None
    status: int = 0
    length: int = 0
    seconds: float = TIMEOUT_SECONDS


def says(*pieces: bytes) -> Script:
    """Answer every request of a connection with these pieces, each in a packet of its own."""

    def script(peer: Peer) -> None:
        while peer.request():
            for piece in pieces:
                peer.send(piece)
                gevent.sleep(0)

    return script


def says_once(answer: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer)

    return script


def noting(requests: list[bytes], answer: bytes) -> Script:
    """Append each request, and answer it."""

    def script(peer: Peer) -> None:
        while request := peer.request():
            requests.append(request)
            peer.send(answer)

    return script


def resets_after(answer: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer)
        peer.reset()

    return script


def hangs_after(answer: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer)
        peer.wait_for_close()

    return script


def drips(answer: bytes) -> Script:
    """Send an answer a byte at a time, each well within the timeout, and all of it well beyond."""

    def script(peer: Peer) -> None:
        peer.request()
        for byte in answer:
            peer.send(bytes([byte]))
            gevent.sleep(SHORT_SECONDS / 4)

    return script


def endless(head: bytes, piece: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(head)
        while True:
            peer.send(piece)

    return script


def bodied(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(*chunks: bytes) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body


def in_bytes(answer: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in answer]


K = FailureKind
STATUSES = [
    Case(f"status {status}", says(bodied(f"{status} Some", b"{}\n")), kind, status, 3)
    for status, kind in [
        (200, None),
        (201, K.UNEXPECTED_2XX),
        (202, K.UNEXPECTED_2XX),
        (301, K.REDIRECT),
        (302, K.REDIRECT),
        (307, K.REDIRECT),
        (400, K.CLIENT_ERROR),
        (401, K.UNAUTHORIZED),
        (403, K.CLIENT_ERROR),
        (404, K.CLIENT_ERROR),
        (413, K.CLIENT_ERROR),
        (429, K.RATE_LIMITED),
        (500, K.SERVER_ERROR),
        (502, K.SERVER_ERROR),
        (503, K.SERVER_ERROR),
        (599, K.SERVER_ERROR),
    ]
]
BODIES = [
    Case("204", says(b"HTTP/1.1 204 No Content\r\n\r\n"), K.UNEXPECTED_2XX, 204),
    Case("a refusal", says(bodied("200 OK", b'{"errors":[{}]}')), K.REFUSED_BY_2XX, 200, 15),
    Case("304", says(b"HTTP/1.1 304 Not Modified\r\n\r\n"), K.REDIRECT, 304),
    Case("empty", says(bodied("200 OK", b"")), K.BAD_BODY, 200),
    Case("html", says(bodied("200 OK", b"<p>")), K.BAD_BODY, 200, 3),
    Case("a list", says(bodied("200 OK", b"[]")), K.BAD_BODY, 200, 2),
    Case("redirect", says(bodied("302 Found", b"", "Location: http://127.0.0.1:1/")), K.REDIRECT, 302),
    Case("no URL", says(bodied("302 Found", b"", "Location: http://[\x9b31m/")), K.REDIRECT, 302),
    Case("chunked", says(chunked(b"{", b"}\n")), None, 200, 3),
    Case("chunked html", says(chunked(b"<", b"p>")), K.BAD_BODY, 200, 3),
    Case("gzip", says(bodied("200 OK", gzip.compress(b"{}"), "Content-Encoding: gzip")), None, 200, 2),
    Case("deflate", says(bodied("200 OK", zlib.compress(b"{}"), "Content-Encoding: deflate")), None, 200, 2),
]
FRAMES = [
    Case("split at every byte", says(*in_bytes(OK)), None, 200, 3),
    Case("chunked, split at every byte", says(*in_bytes(chunked(b"{", b"}\n"))), None, 200, 3),
    Case("no reason", says(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}"), None, 200, 2),
    Case("an empty header", says(bodied("200 OK", b"{}", "X-Empty:")), None, 200, 2),
    Case("close", says_once(bodied("200 OK", b"{}", "Connection: close")), None, 200, 2),
    Case("HTTP/1.0", says_once(b"HTTP/1.0 200 OK\r\n\r\n{}"), None, 200, 2),
    Case("HTTP/1.1 to the end", says_once(b"HTTP/1.1 200 OK\r\n\r\n{}"), None, 200, 2),
    Case("100 first", says(b"HTTP/1.1 100 Continue\r\n\r\n", OK), None, 200, 3),
    Case("100 in the same packet", says(b"HTTP/1.1 100 Continue\r\n\r\n" + OK), None, 200, 3),
    Case("not HTTP", says_once(b"SSH-2.0-OpenSSH\r\n"), K.CONNECTION),
    Case("nothing", says_once(b""), K.CONNECTION),
    Case("a hang", hangs_after(b""), K.TIMEOUT, seconds=SHORT_SECONDS),
    Case("a hang in the headers", hangs_after(OK[:30]), K.TIMEOUT, seconds=SHORT_SECONDS),
    Case("a hang in the body", hangs_after(OK[:-1]), K.TIMEOUT, seconds=SHORT_SECONDS),
    Case("cut chunk", says_once(chunked(b"{}")[:-7]), K.CONNECTION),
    Case("a chunk of no size", says_once(chunked(b"{}").replace(b"2\r\n", b"z\r\n")), K.CONNECTION),
    Case("a header too long", endless(OK[:17], b"X-Long: " + b"a" * 70_000), K.CONNECTION),
    Case("too many headers", says_once(bodied("200 OK", b"{}", *["X-Many: 1"] * 101)), K.CONNECTION),
    Case("endless headers", endless(OK[:17], b"X-More: 1\r\n" * 100), K.CONNECTION),
]
WIRE = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HOSTILE = [
    Case("endless body", endless(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 10_000), K.BAD_BODY, 200),
    Case(
        "400 MB",
        endless(b"HTTP/1.1 200 OK\r\nContent-Length: 400000000\r\n\r\n", b"a" * 10_000),
        K.BAD_BODY,
        200,
    ),
    Case("endless body of a 503", endless(b"HTTP/1.1 503 No\r\n\r\n", b"a" * 10_000), K.SERVER_ERROR, 503),
    Case("endless chunks", endless(WIRE, b"1\r\na\r\n" * 999), K.BAD_BODY, 200),
    Case("endless 100s", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), K.CONNECTION),
    Case("endless 103s", endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100), K.CONNECTION),
    Case("103 first", says(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", OK), None, 200, 3),
    Case("blanks", endless(bodied("200 OK", b"")[:17] + b"\r\n{}", b" " * 10_000), K.BAD_BODY, 200),
    Case(
        "gzip bomb",
        says(bodied("200 OK", gzip.compress(b" " * 20_000_000), "Content-Encoding: gzip")),
        K.BAD_BODY,
        200,
    ),
    Case(
        "gzip that is cut short",
        says(bodied("200 OK", gzip.compress(b"{}")[:-4], "Content-Encoding: gzip")),
        K.BAD_BODY,
        200,
    ),
    Case("a byte now and then", drips(OK), K.TIMEOUT, seconds=SHORT_SECONDS),
    Case(
        "an interim byte now and then",
        drips(b"HTTP/1.1 100 Continue\r\n\r\n" * 9),
        K.TIMEOUT,
        seconds=SHORT_SECONDS,
    ),
]
CUT_SHORT = [
    Case(f"{how} after {count} bytes", script(OK[:count]), K.CONNECTION)
    for count in range(len(OK))
    for how, script in (("closed", says_once), ("reset", resets_after))
]


@pytest.fixture(params=list(HttpClient))
def client(request: pytest.FixtureRequest) -> HttpClient:
    kind: HttpClient = request.param
    return kind


def check(case: Case, client: HttpClient) -> None:
    """Send once, and hold what comes back and what Locust hears against the case."""
    with ScriptedServer(case.script).serving() as server:
        sender = Sender.of(client, f"http://127.0.0.1:{server.port}", case.seconds)
        failure = sender.send()
        sender.transport.close()
    assert (failure.kind if failure else None) is case.kind, failure
    (event,) = sender.events
    assert (event["request_type"], event["name"]) == ("PUT", "identify")
    assert event["url"].endswith("/api/v1/customers/a%20b")
    assert (event["response"].status_code, event["response_length"]) == (case.status, case.length)
    assert event["context"]["failure"] == failure
    assert str(event["exception"] or "") == (case.kind.value if case.kind else "")


@pytest.mark.parametrize("case", [*STATUSES, *BODIES, *FRAMES], ids=lambda case: case.name)
def test_every_client_says_the_same_of_an_answer(case: Case, client: HttpClient) -> None:
    check(case, client)


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case.name)
def test_a_hostile_answer_is_a_failure_and_costs_no_memory(case: Case, client: HttpClient) -> None:
    tracemalloc.start()
    try:
        check(case, client)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 20_000_000


@pytest.mark.parametrize("head", [WIRE + b"1;", WIRE + b"0\r\nA: "], ids=["extension", "trailer"])
def test_an_endless_line_between_chunks_is_a_failure_to_requests(head: bytes) -> None:
    """urllib3 has a bound of its own here, and calls it a broken connection."""
    with ScriptedServer(endless(head, b"a" * 999)).serving() as server:
        sender = Sender.of(HttpClient.REQUESTS, f"http://127.0.0.1:{server.port}", TIMEOUT_SECONDS)
        failure = sender.send()
        sender.transport.close()
        server.last_ended.wait()
    assert failure is not None
    assert failure.kind is K.CONNECTION


def test_a_server_that_never_ends_its_tls_handshake_is_given_up(client: HttpClient, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca_file))

    def script(peer: Peer) -> None:
        # The head of a record that is long in coming.
        for byte in b"\x16\x03\x03\x10\x00" + b"\x02" * 100:
            peer.send(bytes([byte]))
            gevent.sleep(SHORT_SECONDS / 4)

    with ScriptedServer(script).serving() as server:
        sender = Sender.of(client, f"https://localhost:{server.port}", SHORT_SECONDS, str(ca_file))
        failure = sender.send()
        sender.transport.close()
    assert failure is not None
    assert failure.kind is K.TIMEOUT


def test_a_hostile_server_does_not_stop_other_greenlets(client: HttpClient) -> None:
    """What is always there to read must not keep the event loop from its turn until the deadline."""
    turns = 0

    def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            gevent.sleep(0.001)

    counter = gevent.spawn(count)
    with ScriptedServer(endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500)).serving() as server:
        sender = Sender.of(client, f"http://127.0.0.1:{server.port}", 60.0)
        failure = sender.send()
        sender.transport.close()
        server.last_ended.wait()
    counter.kill()
    assert failure is not None
    assert failure.kind is K.CONNECTION
    assert turns > 0


def test_no_client_keeps_cookies(client: HttpClient) -> None:
    asked: list[bytes] = []
    answer = bodied("200 OK", b"{}", "Set-Cookie: a=b; Path=/")
    with ScriptedServer(noting(asked, answer)).serving() as server:
        sender = Sender.of(client, f"http://127.0.0.1:{server.port}", TIMEOUT_SECONDS)
        assert [sender.send() for _ in range(2)] == [None, None]
        sender.transport.close()
    assert len(asked) == 2
    assert not [request for request in asked if b"cookie" in request.lower()]


def test_an_answer_cut_short_anywhere_is_a_connection_error() -> None:
    for case in CUT_SHORT:
        check(case, HttpClient.FAST)


def test_an_answer_cut_short_anywhere_is_a_failure_to_requests() -> None:
    """Python's own client takes the end of the connection for the end of the headers."""
    for case in CUT_SHORT:
        with ScriptedServer(case.script).serving() as server:
            sender = Sender.of(HttpClient.REQUESTS, f"http://127.0.0.1:{server.port}", TIMEOUT_SECONDS)
            failure = sender.send()
            sender.transport.close()
        assert failure is not None
        assert failure.kind in (K.CONNECTION, K.BAD_BODY)


def test_every_client_keeps_its_connection_and_makes_a_new_one_when_told_to_close(client: HttpClient) -> None:
    with ScriptedServer(
        says_once(bodied("200 OK", b"{}", "Connection: close")), says(OK)
    ).serving() as server:
        sender = Sender.of(client, f"http://127.0.0.1:{server.port}", TIMEOUT_SECONDS)
        assert [sender.send() for _ in range(4)] == [None] * 4
        sender.transport.close()
    assert server.connections == 2


def test_every_client_connects_again_after_a_failure(client: HttpClient) -> None:
    with ScriptedServer(resets_after(OK[:40]), says(OK)).serving() as server:
        sender = Sender.of(client, f"http://127.0.0.1:{server.port}", TIMEOUT_SECONDS)
        failure = sender.send()
        assert failure is not None
        assert failure.kind is K.CONNECTION
        assert sender.send() is None
        sender.transport.close()


@pytest.mark.parametrize("is_traced", [True, False], ids=["traced", "not traced"])
def test_every_client_gives_each_request_a_trace_of_its_own_if_asked(
    client: HttpClient, is_traced: bool
) -> None:
    heads: list[bytes] = []
    with ScriptedServer(noting(heads, OK)).serving() as server:
        base_url = f"http://127.0.0.1:{server.port}"
        sender = Sender.of(client, base_url, TIMEOUT_SECONDS, is_traced=is_traced)
        assert [sender.send() for _ in range(3)] == [None, None, None]
        sender.transport.close()
    traces = re.findall(rb"\r\ntraceparent: 00-([0-9a-f]{32})-[0-9a-f]{16}-01\r\n", b"".join(heads))
    assert len(heads) == 3
    assert len(set(traces)) == (3 if is_traced else 0)


class LabelledUser(IdentifyUser):
    """A kind whose call is that of its base class, which prepares its requests."""

    kind = "labelled"

    def headers(self, body: Mapping[str, Any]) -> Mapping[str, str]:
        return {"X-Label": "own"}


def test_every_client_sends_the_headers_that_a_kind_adds_to_another_ones_call(
    client: HttpClient, tmp_path: Path
) -> None:
    asked: list[bytes] = []
    with ScriptedServer(noting(asked, OK)).serving() as server:
        variables = {"CUSTOMERIO_BASE_URL": f"http://127.0.0.1:{server.port}"}
        (user,) = users_of(LabelledUser, tmp_path, variables, client)
        user._send(arrival(1))
        user._transport.close()
    (request,) = asked
    assert b"\r\nX-Label: own\r\n" in request


def test_nobody_there_is_a_connection_error_to_every_client(client: HttpClient) -> None:
    with ScriptedServer(says(OK)).serving() as server:
        pass
    sender = Sender.of(client, f"http://127.0.0.1:{server.port}", TIMEOUT_SECONDS)
    failure = sender.send()
    assert failure is not None
    assert failure.kind is K.CONNECTION
    assert "refused" in failure.detail
    assert [event["response"].status_code for event in sender.events] == [0]


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_connection_that_the_server_closed_while_idle_costs_no_client_a_request(
    client: HttpClient, method: str
) -> None:
    def answers_once(peer: Peer) -> None:
        peer.request()
        peer.send(OK)

    with ScriptedServer(answers_once, says(OK)).serving() as server:
        sender = Sender.of(client, f"http://127.0.0.1:{server.port}", TIMEOUT_SECONDS)
        assert sender.send(method) is None
        server.last_ended.wait()
        assert sender.send(method) is None
        sender.transport.close()
    assert server.connections == 2


@pytest.mark.parametrize(
    ("trusted", "name", "kind"),
    [(True, "localhost", None), (True, "127.0.0.1", K.CONNECTION), (False, "localhost", K.CONNECTION)],
    ids=["trusted", "another name", "not trusted"],
)
def test_every_client_trusts_the_authority_it_was_given_and_its_names(
    client: HttpClient, tmp_path: Path, trusted: bool, name: str, kind: FailureKind | None
) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    ca_file = tmp_path / "ca.pem"
    (authority if trusted else stranger).cert_pem.write_to_path(str(ca_file))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(tls)
    with ScriptedServer(says(OK, b""), tls=tls).serving() as server:
        base_url = f"https://{name}:{server.port}"
        sender = Sender.of(client, base_url, TIMEOUT_SECONDS, str(ca_file))
        failures = [sender.send(), sender.send()]
        sender.transport.close()
    assert [failure and failure.kind for failure in failures] == [kind, kind]
    assert [event["response"].status_code for event in sender.events] == ([0, 0] if kind else [200, 200])
