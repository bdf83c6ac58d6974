"""What goes over the wire: whole replies, keep-alive, pipelining, and bad HTTP."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator

import pytest
import requests

from tests.servers.standin_server import StandinServer

AUTHORIZATION = b"Authorization: Basic " + base64.b64encode(b"site:key") + b"\r\n"
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\n{}\n"


@pytest.fixture(scope="module")
def server() -> Iterator[StandinServer]:
    with StandinServer("--record-arrivals") as running:
        yield running


@pytest.fixture
def standin(server: StandinServer) -> StandinServer:
    server.reset()
    return server


@pytest.fixture
def connection(standin: StandinServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", standin.port), timeout=10) as connection:
        yield connection


def identify(who: bytes, body: bytes = b"{}", extra: bytes = b"") -> bytes:
    head = b"PUT /api/v1/customers/%b HTTP/1.1\r\nHost: x\r\n%b%bContent-Length: %d\r\n\r\n"
    return head % (who, AUTHORIZATION, extra, len(body)) + body


def receive(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size and (piece := connection.recv(size - len(received))):
        received += piece
    return received


def test_head_and_body_arrive_in_one_piece(connection: socket.socket) -> None:
    for number in range(20):
        connection.sendall(identify(b"p%d" % number))
        assert connection.recv(4096) == REPLY


def test_a_request_in_pieces_is_one_request(standin: StandinServer, connection: socket.socket) -> None:
    for byte in identify(b"ada", b'{"plan":"basic"}'):
        connection.sendall(bytes([byte]))

    assert receive(connection, len(REPLY)) == REPLY
    assert standin.stats()["requests"] == {"identify": 1}


def test_pipelined_requests_are_answered_in_order(standin: StandinServer, connection: socket.socket) -> None:
    connection.sendall(b"".join(identify(b"p%d" % number) for number in range(10)))

    assert receive(connection, 10 * len(REPLY)) == 10 * REPLY
    assert standin.stats()["people"] == 10


def test_connection_close_is_honoured(connection: socket.socket) -> None:
    connection.sendall(identify(b"ada", extra=b"Connection: close\r\n"))

    assert receive(connection, 4096).endswith(b"connection: close\r\n\r\n{}\n")


def test_expect_continue_gets_its_interim_answer(connection: socket.socket) -> None:
    head, _, body = identify(b"ada", extra=b"Expect: 100-continue\r\n").partition(b"\r\n\r\n")
    connection.sendall(head + b"\r\n\r\n")
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert receive(connection, len(interim)) == interim

    connection.sendall(body)
    assert receive(connection, len(REPLY)) == REPLY


def test_a_client_that_leaves_in_the_middle_of_its_body(
    standin: StandinServer, connection: socket.socket
) -> None:
    connection.sendall(identify(b"ada", b'{"plan":"basic"}')[:-1])
    connection.close()

    while (stats := standin.stats())["statuses"] != {"disconnected": 1}:
        assert stats["in_flight"] <= 1
    assert stats["people"] == 0


def test_bad_http_is_answered_with_400(connection: socket.socket) -> None:
    connection.sendall(b"nonsense\r\n\r\n")

    assert receive(connection, 4096).startswith(b"HTTP/1.1 400 ")


def test_arrivals_are_recorded_by_operation(standin: StandinServer) -> None:
    with requests.Session() as session:
        session.auth = ("site", "key")
        for number in range(5):
            session.put(f"{standin.url}/api/v1/customers/p{number}", json={}, timeout=10)
            session.post(f"{standin.url}/api/v1/customers/p{number}/events", json={"name": "x"}, timeout=10)

    identifies, tracks = standin.arrivals("identify"), standin.arrivals("track")
    stats = standin.stats()
    assert len(identifies) == len(tracks) == 5
    assert identifies[0] == 0.0
    merged = [offset for pair in zip(identifies, tracks, strict=True) for offset in pair]
    assert merged == sorted(merged)
    assert tracks[-1] == stats["duration_seconds"]
    assert stats["last_arrival"] == pytest.approx(stats["first_arrival"] + tracks[-1])
    assert standin.arrivals("merge") == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "reset", 405),
        ("DELETE", "faults", 405),
        ("POST", "people/ada", 405),
        ("GET", "people/nobody", 404),
        ("GET", "people/%ff", 400),
        ("GET", "nothing", 404),
        ("GET", "arrivals", 400),
        ("GET", "people?limit=0", 400),
        ("GET", "people?limit=x", 400),
        ("HEAD", "stats", 200),
    ],
)
def test_admin_paths(standin: StandinServer, method: str, path: str, status: int) -> None:
    response = requests.request(method, f"{standin.url}/_standin/{path}", timeout=10)

    assert response.status_code == status
    assert standin.stats()["requests_total"] == 0


def test_people_are_listed_by_prefix(standin: StandinServer) -> None:
    for who in ("run1-a", "run2-a", "run1-b"):
        requests.put(f"{standin.url}/api/v1/customers/{who}", json={}, auth=("site", "key"), timeout=10)

    def listed(query: str) -> dict[str, object]:
        answer: dict[str, object] = requests.get(f"{standin.url}/_standin/people{query}", timeout=10).json()
        return answer

    assert listed("?prefix=run1-") == {"ids": ["run1-a", "run1-b"], "people": 3}
    assert listed("?prefix=run1-&limit=1") == {"ids": ["run1-a"], "people": 3}
    assert listed("") == {"ids": ["run1-a", "run2-a", "run1-b"], "people": 3}
