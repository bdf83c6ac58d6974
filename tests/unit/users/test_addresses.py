"""Many VUs that connect at once ask for a server's addresses once."""

from __future__ import annotations

import socket
from typing import Any

import gevent
import pytest
from gevent.event import Event

from users.http.addresses import KEPT_SECONDS, Addresses

NAME = "standin.test"
FOUND = [
    (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 8080, 0, 0)),
    (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 8080)),
    (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 8080)),
]
EXPECTED = [(socket.AF_INET6, ("::1", 8080, 0, 0)), (socket.AF_INET, ("127.0.0.1", 8080))]
PATIENT_SECONDS = 10.0


class Directory:
    """Answers look-ups, once it may; counts them."""

    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = Event()
        self.may_answer.set()
        self.fault: OSError | None = None

    def look_up(self, *_: object) -> list[tuple[Any, ...]]:
        self.asked += 1
        self.may_answer.wait()
        if self.fault is not None:
            raise self.fault
        return FOUND


class Clock:
    seconds = 0.0

    def now(self) -> float:
        return self.seconds


@pytest.fixture
def directory() -> Directory:
    return Directory()


def test_all_who_ask_meanwhile_wait_for_one_look_up(directory: Directory) -> None:
    directory.may_answer.clear()
    addresses = Addresses(NAME, 8080, directory.look_up)
    asking = [gevent.spawn(addresses.get) for _ in range(200)]
    gevent.sleep(0)
    directory.may_answer.set()
    gevent.joinall(asking, timeout=PATIENT_SECONDS)
    assert [greenlet.value for greenlet in asking] == [EXPECTED] * 200
    assert directory.asked == 1


def test_who_asks_may_be_ended_without_harm_to_others(directory: Directory) -> None:
    directory.may_answer.clear()
    addresses = Addresses(NAME, 8080, directory.look_up)
    first, second = gevent.spawn(addresses.get), gevent.spawn(addresses.get)
    gevent.sleep(0)
    first.kill()
    directory.may_answer.set()
    assert second.get(timeout=PATIENT_SECONDS) == EXPECTED


def test_an_address_is_no_name(directory: Directory) -> None:
    assert Addresses("127.0.0.1", 80, directory.look_up).get() == [(socket.AF_INET, ("127.0.0.1", 80))]
    assert Addresses("::1", 80, directory.look_up).get() == [(socket.AF_INET6, ("::1", 80, 0, 0))]
    assert directory.asked == 0


def test_addresses_are_kept_for_a_time(directory: Directory) -> None:
    clock = Clock()
    addresses = Addresses(NAME, 8080, directory.look_up, clock.now)
    addresses.get()
    clock.seconds = KEPT_SECONDS - 1
    addresses.get()
    assert directory.asked == 1
    clock.seconds = KEPT_SECONDS
    assert addresses.get() == EXPECTED
    assert directory.asked == 2


def test_addresses_that_are_of_no_use_are_looked_up_anew(directory: Directory) -> None:
    addresses = Addresses(NAME, 8080, directory.look_up)
    addresses.get()
    addresses.forget()
    addresses.get()
    assert directory.asked == 2


def test_a_failure_is_not_kept(directory: Directory) -> None:
    addresses = Addresses(NAME, 8080, directory.look_up)
    directory.fault = socket.gaierror(socket.EAI_AGAIN, "try again")
    with pytest.raises(socket.gaierror, match="try again"):
        addresses.get()
    directory.fault = None
    assert addresses.get() == EXPECTED
