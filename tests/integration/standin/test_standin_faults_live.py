"""Faults on the running stand-in: latency, errors, resets, hangs, drops, pauses and the rate limit."""

from __future__ import annotations

import base64
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.servers.standin_server import StandinServer

HONEST = {
    "latency": "0",
    "error_share": 0.0,
    "reset_share": 0.0,
    "hang_share": 0.0,
    "hang_seconds": None,
    "drop_share": 0.0,
    "rate_limit": None,
    "retry_after": False,
    "seed": None,
    "pause_seconds": 0,
}
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
    server.set_faults(**HONEST)
    server.reset()
    return server


def identify(standin: StandinServer, who: str = "ada") -> requests.Response:
    return requests.put(f"{standin.url}/api/v1/customers/{who}", json={}, auth=("site", "key"), timeout=10)


def wait_until(standin: StandinServer, condition: Callable[[dict[str, object]], bool]) -> None:
    """Asks for the statistics until they are as wanted; the requests themselves pace it."""
    deadline = time.monotonic() + 10
    while not condition(stats := standin.stats()):
        assert time.monotonic() < deadline, stats


def test_latency_is_never_less_than_asked_for(standin: StandinServer) -> None:
    standin.set_faults(latency="50ms")

    started = time.monotonic()
    identify(standin)

    assert time.monotonic() - started >= 0.05
    assert standin.stats()["latency_ms"]["p50"] >= 49.9  # the histogram has three digits


def test_lognormal_latency_is_in_force(standin: StandinServer) -> None:
    assert standin.set_faults(latency="lognormal:1ms,0.5", seed=1)["latency"] == "lognormal:1ms,0.5"
    for _ in range(20):
        assert identify(standin).status_code == 200

    latency = standin.stats()["latency_ms"]
    assert latency["p50"] < latency["max"]


def test_errors_are_500_and_store_nothing(standin: StandinServer) -> None:
    standin.set_faults(error_share=1.0)

    response = identify(standin)

    assert response.status_code == 500
    assert response.json() == {"meta": {"error": "Internal server error"}}
    stats = standin.stats()
    assert (stats["requests"], stats["statuses"], stats["people"]) == ({"identify": 1}, {"500": 1}, 0)


def test_a_seed_repeats_the_same_errors(standin: StandinServer) -> None:
    def statuses() -> list[int]:
        standin.set_faults(error_share=0.5, seed=7)
        return [identify(standin).status_code for _ in range(30)]

    first = statuses()
    assert first == statuses()
    assert set(first) == {200, 500}


def test_drops_are_200_and_store_nothing(standin: StandinServer) -> None:
    standin.set_faults(drop_share=1.0)

    assert identify(standin).status_code == 200
    event = {"type": "person", "action": "event", "identifiers": {"id": "ada"}, "name": "visit"}
    response = requests.post(
        f"{standin.url}/api/v2/batch", json={"batch": [event]}, auth=("site", "key"), timeout=10
    )
    assert response.status_code == 200

    stats = standin.stats()
    assert stats["statuses"] == {"200": 2}
    assert (stats["dropped"], stats["people"], stats["events"]) == (2, 0, 0)


def test_a_reset_is_a_tcp_reset(standin: StandinServer) -> None:
    standin.set_faults(reset_share=1.0)

    with socket.create_connection(("127.0.0.1", standin.port), timeout=10) as connection:
        connection.sendall(IDENTIFY)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)

    stats = standin.stats()
    assert (stats["requests"], stats["statuses"], stats["people"]) == ({"identify": 1}, {"reset": 1}, 0)


def test_a_hang_holds_the_answer_not_the_request(standin: StandinServer) -> None:
    standin.set_faults(hang_share=1.0)

    with socket.create_connection(("127.0.0.1", standin.port), timeout=10) as connection:
        connection.sendall(IDENTIFY)
        wait_until(standin, lambda stats: stats["statuses"] == {"hung": 1})
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)

    stats = standin.stats()
    assert (stats["people"], stats["in_flight"]) == (1, 0)


def test_a_hang_with_an_end_is_answered_then(standin: StandinServer) -> None:
    standin.set_faults(hang_share=1.0, hang_seconds=0.2)

    started = time.monotonic()
    assert identify(standin).status_code == 200

    assert time.monotonic() - started >= 0.2
    assert standin.stats()["statuses"] == {"200": 1}


def test_a_pause_holds_everybody_and_then_goes_on(standin: StandinServer) -> None:
    started = time.monotonic()
    assert standin.set_faults(pause_seconds=0.5)["paused"] is True

    with ThreadPoolExecutor(5) as pool:
        answers = [pool.submit(identify, standin, f"p{number}") for number in range(5)]
        wait_until(standin, lambda stats: stats["in_flight"] == 5)
        assert standin.stats()["requests"] == {"identify": 5}
        assert [answer.result().status_code for answer in answers] == [200] * 5

    assert time.monotonic() - started >= 0.5
    assert standin.stats()["statuses"] == {"200": 5}


def test_a_pause_can_be_ended_early(standin: StandinServer) -> None:
    standin.set_faults(pause_seconds=3600)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(identify, standin)
        wait_until(standin, lambda stats: stats["in_flight"] == 1)
        assert standin.set_faults(pause_seconds=0)["error_share"] == 0.0
        assert answer.result().status_code == 200


def test_a_client_that_leaves_before_its_answer_is_counted_as_disconnected(standin: StandinServer) -> None:
    standin.set_faults(pause_seconds=3600)
    with socket.create_connection(("127.0.0.1", standin.port), timeout=10) as connection:
        connection.sendall(IDENTIFY)
        wait_until(standin, lambda stats: stats["in_flight"] == 1)
    standin.set_faults(pause_seconds=0)

    wait_until(standin, lambda stats: stats["statuses"] == {"disconnected": 1})


def test_the_rate_limit_refuses_what_is_beyond_it(standin: StandinServer) -> None:
    standin.set_faults(rate_limit=5)

    answers = [identify(standin) for _ in range(8)]

    statuses = Counter(answer.status_code for answer in answers)
    stats = standin.stats()
    span = stats["duration_seconds"]
    # The first five always pass; later ones only once the window has moved on.
    assert [answer.status_code for answer in answers[:5]] == [200] * 5
    if span < 1.0:
        assert statuses == {200: 5, 429: 3}
    assert stats["refused"] == statuses[429]
    assert stats["requests"] == {"identify": 8}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert all("retry-after" not in answer.headers for answer in refused)
    assert all(answer.json()["meta"]["error"] for answer in refused)


def test_retry_after_is_sent_if_asked_for(standin: StandinServer) -> None:
    standin.set_faults(rate_limit=1, retry_after=True)

    answers = [identify(standin) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].headers["retry-after"] == "1"


def test_strangers_take_nothing_from_the_rate_limit(standin: StandinServer) -> None:
    standin.set_faults(rate_limit=1)

    for _ in range(3):
        stranger = requests.put(f"{standin.url}/api/v1/customers/ada", json={}, timeout=10)
        assert stranger.status_code == 401
    assert identify(standin).status_code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error_share":2}', "error_share: expected a share between 0 and 1, got 2"),
        (b'{"pause_seconds":-1}', "pause_seconds: expected a number of seconds, 0 or more, got -1"),
        (b'{"error_share":0.9,"drop_share":0.9}', "expected a sum of at most 1"),
        (b'{"colour":"red"}', "colour: no such fault"),
        (b"[]", "expected a JSON object"),
    ],
)
def test_bad_faults_are_refused_and_change_nothing(standin: StandinServer, body: bytes, message: str) -> None:
    before = requests.get(f"{standin.url}/_standin/faults", timeout=10).json()

    response = requests.post(f"{standin.url}/_standin/faults", data=body, timeout=10)

    assert response.status_code == 400
    assert message in response.json()["meta"]["error"]
    assert requests.get(f"{standin.url}/_standin/faults", timeout=10).json() == before


def test_a_reset_keeps_the_faults_and_the_old_counts_apart(standin: StandinServer) -> None:
    standin.set_faults(pause_seconds=3600)
    answer: list[int] = []
    waiting = threading.Thread(target=lambda: answer.append(identify(standin).status_code))
    waiting.start()
    wait_until(standin, lambda stats: stats["in_flight"] == 1)

    standin.reset()
    assert standin.stats()["in_flight"] == 0
    standin.set_faults(pause_seconds=0)
    waiting.join()

    assert answer == [200]
    stats = standin.stats()
    assert (stats["requests"], stats["statuses"], stats["people"]) == ({}, {}, 0)
