"""The switch that closes idle connections, as the front end of a real service does."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator

import pytest
import requests

from tests.servers.standin_server import StandinServer

IDENTIFY = (
    b"PUT /api/v1/customers/ada HTTP/1.1\r\nHost: x\r\nAuthorization: Basic "
    + base64.b64encode(b"site:key")
    + b"\r\nContent-Length: 2\r\n\r\n{}"
)


@pytest.fixture(scope="module")
def server() -> Iterator[StandinServer]:
    with StandinServer() as running:
        yield running


@pytest.fixture
def standin(server: StandinServer) -> StandinServer:
    server.set_faults(latency="0")
    server.reset()
    close_idle_after(server, None)
    return server


def close_idle_after(standin: StandinServer, seconds: float | None) -> None:
    """On a connection of its own, which is not kept."""
    url = f"{standin.url}/_standin/connections"
    answer = requests.post(url, json={"idle_close_seconds": seconds}, timeout=10)
    assert answer.json() == requests.get(url, timeout=10).json() == {"idle_close_seconds": seconds}


def connect(standin: StandinServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", standin.port), timeout=10)


def receive_until_closed(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(4096):
        received += piece
    return received


def test_a_connection_is_closed_once_it_has_been_idle_that_long(standin: StandinServer) -> None:
    close_idle_after(standin, 0.3)
    with connect(standin) as used, connect(standin) as unused:
        sent = time.monotonic()
        used.sendall(IDENTIFY)
        assert used.recv(4096).startswith(b"HTTP/1.1 200 OK")
        assert used.recv(1) == b""
        assert time.monotonic() - sent >= 0.3
        assert unused.recv(1) == b""
    assert standin.stats()["statuses"] == {"200": 1}


def test_the_switch_reaches_connections_that_are_idle_already(standin: StandinServer) -> None:
    with connect(standin) as connection:
        connection.sendall(IDENTIFY)
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 OK")
        close_idle_after(standin, 0)
        assert connection.recv(1) == b""


def test_a_connection_with_a_request_is_not_idle(standin: StandinServer) -> None:
    close_idle_after(standin, 0.1)
    standin.set_faults(latency="500ms")
    with connect(standin) as connection:
        # The second request waits for the first one's answer, as pipelined requests do.
        connection.sendall(IDENTIFY * 2)
        received = receive_until_closed(connection)

    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert standin.stats()["statuses"] == {"200": 2}


def test_without_the_switch_they_stay_open(standin: StandinServer) -> None:
    close_idle_after(standin, 0.2)
    close_idle_after(standin, None)
    standin.set_faults(latency="500ms")
    with connect(standin) as idle, connect(standin) as busy:
        busy.sendall(IDENTIFY)
        assert busy.recv(4096).startswith(b"HTTP/1.1 200 OK")  # half a second later
        idle.sendall(IDENTIFY)
        assert idle.recv(4096).startswith(b"HTTP/1.1 200 OK")


def test_it_is_an_option_too() -> None:
    with StandinServer("--idle-close-seconds", "0.2") as standin, connect(standin) as connection:
        assert connection.recv(1) == b""


@pytest.mark.parametrize("body", ["{}", '{"idle_close_seconds": -1}', '{"seconds": 1}', "[]"])
def test_a_bad_switch_is_refused_and_changes_nothing(standin: StandinServer, body: str) -> None:
    url = f"{standin.url}/_standin/connections"
    response = requests.post(url, data=body, timeout=10)

    assert response.status_code == 400
    assert response.json()["meta"]["error"]
    assert requests.get(url, timeout=10).json() == {"idle_close_seconds": None}
