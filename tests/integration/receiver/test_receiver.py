"""What becomes of each kind of webhook: genuine ones are kept once, all others are not."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.programs.waiting import wait_until
from tests.servers.receiver_process import KEY, ReceiverProcess, event, signed

ROOT = Path(__file__).resolve().parents[3]
# Of 10 000 requests one in ten is a copy of another, and one in ten is forged.
GENUINE = 8_000
COPIES = FORGERIES = 1_000
CONNECTIONS = 100


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    with ReceiverProcess(tmp_path_factory.mktemp("receiver") / "events.jsonl") as receiver:
        yield receiver


@pytest.fixture
def receiver(running: ReceiverProcess) -> ReceiverProcess:
    """The tests share a process. Each sends events of its own, and starts from an empty list of ids."""
    return running


def test_a_genuine_event_is_kept_before_it_is_answered(receiver: ReceiverProcess) -> None:
    assert receiver.post(event(1)) == 200
    assert receiver.kept()[-1] == "event-1"


def test_a_replayed_event_is_answered_and_not_kept_again(receiver: ReceiverProcess) -> None:
    assert [receiver.post(event(2)) for _ in range(3)] == [200, 200, 200]
    # A copy with a newer timestamp, as a retry has.
    assert receiver.post(event(2, repeated=True)) == 200

    assert receiver.kept().count("event-2") == 1


@pytest.mark.parametrize("age_seconds", [3600, -3600, 302, -302], ids=str)
def test_a_late_or_early_event_is_refused(receiver: ReceiverProcess, age_seconds: int) -> None:
    assert receiver.post(event(3), age_seconds=age_seconds) == 401
    assert "event-3" not in receiver.kept()


def test_a_forged_event_is_refused(receiver: ReceiverProcess) -> None:
    body = event(4)
    right = signed(body)
    forgeries = [
        signed(body, key="another key"),
        signed(event(5)),
        {**right, "X-CIO-Timestamp": str(int(right["X-CIO-Timestamp"]) + 1)},
        {**right, "X-CIO-Signature": right["X-CIO-Signature"][:-1]},
        {**right, "X-CIO-Signature": right["X-CIO-Signature"].upper()},
        {**right, "X-CIO-Signature": ""},
        {"X-CIO-Signature": right["X-CIO-Signature"]},
        {"X-CIO-Timestamp": right["X-CIO-Timestamp"]},
        {**right, "X-CIO-Timestamp": "9" * 5000},
        {**right, "X-CIO-Timestamp": "now"},
        {},
    ]
    for headers in forgeries:
        assert requests.post(receiver.url, data=body, headers=headers, timeout=10).status_code == 401, headers

    assert "event-4" not in receiver.kept()


def test_reordered_events_are_kept_as_they_come(receiver: ReceiverProcess) -> None:
    for number in (13, 11, 12):
        assert receiver.post(event(number)) == 200

    assert receiver.kept()[-3:] == ["event-13", "event-11", "event-12"]


def test_a_truncated_event_is_not_kept(receiver: ReceiverProcess) -> None:
    body = event(14)
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as connection:
        connection.sendall(request(body)[:-1])
    wait_until("it is noticed", 20, lambda: receiver.health()["results"].get("truncated") == 1)
    assert receiver.post(body[:-1], age_seconds=0) == 200  # Signed like this, it is somebody's whole body.

    assert "event-14" not in receiver.kept()
    assert receiver.kept()[-1].startswith("sha256:")


def test_a_huge_event_is_refused(receiver: ReceiverProcess) -> None:
    body = event(15, padding="x" * 1024 * 1024)
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as connection:
        # The length alone is enough.
        connection.sendall(request(body)[: -len(body)])
        assert b" 413 " in connection.recv(100)
    with socket.create_connection(("127.0.0.1", receiver.port), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n"
        connection.sendall(chunk * 16 + chunk)
        assert b" 413 " in connection.recv(100)

    assert "event-15" not in receiver.kept()


def test_other_methods_are_refused(receiver: ReceiverProcess) -> None:
    assert requests.get(receiver.url, timeout=10).status_code == 405


def test_a_burst_is_kept_once_and_none_is_lost(receiver: ReceiverProcess) -> None:
    burst: list[bytes] = []
    for number in range(GENUINE):
        # Neighbours go to different connections, so that an event and its copy arrive together.
        burst += [request(event(100_000 + number))] * (2 if number < COPIES else 1)
    burst += [request(event(900_000 + number), key="another key") for number in range(FORGERIES)]

    statuses = asyncio.run(send_all(receiver.port, burst))

    assert statuses == {b"200": GENUINE + COPIES, b"401": FORGERIES}
    kept = [event_id for event_id in receiver.kept() if len(event_id) == len("event-100000")]
    assert sorted(kept) == [f"event-{100_000 + number}" for number in range(GENUINE)]


def test_a_crash_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    with ReceiverProcess(log) as first:
        assert [first.post(event(number)) for number in range(5)] == [200] * 5
        first.kill()
    # What a power failure within a line leaves.
    with log.open("ab") as file:
        file.write(b'{"event_id": "event-9", "rec')

    with ReceiverProcess(log) as second:
        assert [second.post(event(number)) for number in (4, 9)] == [200, 200]
        wait_until_worked(second)
        assert second.health()["results"] == {"duplicate": 1, "kept": 1}
        assert second.stop() == 0
        assert second.errors() == ""
    with ReceiverProcess(log) as third:
        # The work goes on where it stopped, and does not begin again.
        assert third.post(event(10)) == 200
        wait_until_worked(third)
        assert third.health()["counts"] == {"email sent": 1}


def test_an_event_that_does_not_fit_on_the_disk_is_not_accepted(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path / "events.jsonl", most_bytes=4096) as receiver:
        too_large = event(2, padding="x" * 5000)

        assert [receiver.post(body) for body in (event(1), too_large, too_large, event(3))] == [
            *(200, 503, 503, 200)
        ]
        assert receiver.kept() == ["event-1", "event-3"]


@pytest.mark.parametrize(
    ("options", "environment", "message"),
    [
        ([], {}, "the following arguments are required: --log"),
        (["--log", "/dev/null"], {}, "RECEIVER_SIGNING_KEY: expected the webhook's signing key"),
        (["--log", "/"], {"RECEIVER_SIGNING_KEY": KEY}, "--log: can't open /: Is a directory"),
        (["--log", "/dev/null", "--max-age", "soon"], {}, "argument --max-age: "),
        (
            ["--log", "/dev/null", "--host", "256.0.0.1"],
            {"RECEIVER_SIGNING_KEY": KEY},
            "can't listen on 256.0.0.1 port 8090",
        ),
    ],
    ids=["no file", "no key", "folder", "age", "host"],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    options: list[str], environment: dict[str, str], message: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "receiver", *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def wait_until_worked(receiver: ReceiverProcess) -> None:
    def is_done() -> bool:
        health = receiver.health()
        return bool(health["worked_bytes"] == health["log_bytes"])

    wait_until("all events are worked on", 20, is_done)


def request(body: bytes, key: str = KEY) -> bytes:
    headers = {"Host": "x", "Content-Length": str(len(body)), **signed(body, key=key)}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST / HTTP/1.1\r\n{head}\r\n".encode() + body


async def send_all(port: int, messages: list[bytes]) -> dict[bytes, int]:
    """Send all over many connections at once, and count the statuses."""
    statuses: dict[bytes, int] = {}

    async def send(mine: list[bytes]) -> None:
        while mine:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while mine:
                writer.write(mine[-1])
                head = await reader.readuntil(b"\r\n\r\n")
                mine.pop()
                await reader.readexactly(int(head.lower().split(b"content-length:")[1].split()[0]))
                status = head.split()[1]
                statuses[status] = statuses.get(status, 0) + 1
                if b"connection: close" in head.lower():
                    break
            writer.close()

    await asyncio.gather(*(send(messages[start::CONNECTIONS]) for start in range(CONNECTIONS)))
    return statuses
