"""The webhook user plays Customer.io: it signs, waits 4 s, repeats, and holds others back meanwhile."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from pathlib import Path

import gevent
import pytest

from tests.integration.users.scenario_users import arrival, users_of
from tests.servers.scripted_server import Peer, ScriptedServer
from users.http.factory import HttpClient
from users.webhook import WebhookUser

KEY = "the signing key"


class Receiver:
    """Answers with the next status, and with 204 when all are given. Keeps the ids of events as they come."""

    def __init__(self, *statuses: int) -> None:
        self.event_ids: list[str] = []
        self.heads: list[bytes] = []
        self._statuses = list(statuses)

    def __call__(self, peer: Peer) -> None:
        while request := peer.request():
            head, _, body = request.partition(b"\r\n\r\n")
            self.heads.append(head)
            self.event_ids.append(json.loads(body)["event_id"])
            assert_signed(head, body)
            status = self._statuses.pop(0) if self._statuses else 204
            length = "" if status == 204 else "Content-Length: 0\r\n"
            peer.send(f"HTTP/1.1 {status} x\r\n{length}\r\n".encode())


def assert_signed(head: bytes, body: bytes) -> None:
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    timestamp = headers[b"x-cio-timestamp"]
    expected = hmac.new(KEY.encode(), b"v0:" + timestamp + b":" + body, hashlib.sha256).hexdigest()
    assert headers[b"x-cio-signature"] == expected.encode()
    assert abs(int(timestamp) - time.time()) < 60
    assert b"authorization" not in headers


def variables(receiver: ScriptedServer) -> dict[str, str]:
    url = f"http://127.0.0.1:{receiver.port}/cio/events"
    return {"WEBHOOK_URL": url, "WEBHOOK_SIGNING_KEY": KEY}


def send(user: WebhookUser, number: int) -> None:
    user._send(arrival(number))


@pytest.mark.parametrize("client", list(HttpClient), ids=str)
def test_it_signs_each_call_for_the_path_of_the_receiver(tmp_path: Path, client: HttpClient) -> None:
    receiver = Receiver()
    with ScriptedServer(receiver).serving() as server, gevent.Timeout(20):
        (user,) = users_of(WebhookUser, tmp_path, variables(server), client)
        for number in (1, 2, 3):
            send(user, number)
        user._transport.close()
    assert receiver.event_ids == ["r1-load-1", "r1-load-2", "r1-load-3"]
    assert {head.split(b"\r\n")[0] for head in receiver.heads} == {b"POST /cio/events HTTP/1.1"}


@pytest.mark.parametrize("client", list(HttpClient), ids=str)
def test_a_failed_call_is_repeated_and_no_other_begins_before_it_succeeds(
    tmp_path: Path, client: HttpClient
) -> None:
    receiver = Receiver(503, 500, 400, 429)
    with ScriptedServer(receiver).serving() as server, gevent.Timeout(20):
        users = users_of(WebhookUser, tmp_path, variables(server), client, 3, RETRY_PAUSE="10ms")
        order = users[0].order

        def send_when_blocked(user: WebhookUser, number: int) -> None:
            while not order.is_blocked:
                gevent.sleep(0.001)
            send(user, number)

        first = gevent.spawn(send, users[0], 1)
        later = [gevent.spawn(send_when_blocked, users[number - 1], number) for number in (2, 3)]
        gevent.joinall([first, *later], raise_error=True)
        for user in users:
            user._transport.close()
    assert receiver.event_ids[:5] == ["r1-load-1"] * 5
    assert sorted(receiver.event_ids[5:]) == ["r1-load-2", "r1-load-3"]


def test_an_answer_that_takes_too_long_is_a_failed_call(tmp_path: Path) -> None:
    class Impatient(WebhookUser):
        most_request_seconds = 0.1

    assert WebhookUser.most_request_seconds == 4
    receiver = Receiver()

    def never_answer(peer: Peer) -> None:
        receiver.event_ids.append(peer.request().partition(b"event_id")[0].decode()[:4])
        peer.wait_for_close()

    with ScriptedServer(never_answer, receiver).serving() as server, gevent.Timeout(20):
        (user,) = users_of(Impatient, tmp_path, variables(server), RETRY_PAUSE="10ms")
        send(user, 1)
        user._transport.close()
    assert receiver.event_ids == ["POST", "r1-load-1"]
