"""Operations that are held: retried alone with growing pauses, and nobody but their own lane waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from pipeline.operation import Operation
from pipeline.outcome import Delivered, Held, Outcome, Refused, UnauthorizedError
from pipeline.sender import BatchLimits, BatchSender, LoneRetries
from tests.unit.pipeline.virtual_loop import VirtualLoop

LIMITS = BatchLimits(items=4, bytes=1000, wait_seconds=0.0, concurrency=1, buffer=20)


class Customer:
    """Holds what is bad in a batch with what is behind it; alone, bad ones get the answers given, in turn."""

    def __init__(self, loop: VirtualLoop, *alone: Outcome | Held) -> None:
        self.loop = loop
        self.alone = list(alone)
        self.taken: list[str] = []
        self.retried_at: list[float] = []

    async def deliver(self, operations: Sequence[Any]) -> list[Outcome | Held]:
        held_lanes: set[str] = set()
        outcomes: list[Outcome | Held] = []
        for operation in operations:
            if operation.lane in held_lanes:
                outcomes.append(Held(0, "500"))
            elif operation.event == "bad":
                held_lanes.add(operation.lane)
                outcomes.append(Held(5, "500"))
            else:
                self.taken.append(f"{operation.person}{operation.event}")
                outcomes.append(Delivered(1))
        return outcomes

    async def retry(self, operation: Any) -> Outcome | Held:
        self.retried_at.append(self.loop.time())
        answer = self.alone.pop(0)
        if isinstance(answer, Delivered):
            self.taken.append(f"{operation.person}{operation.event}")
        return answer


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.close()


def sender_of(customer: Customer, attempts: int = 3) -> BatchSender:
    retries = LoneRetries(customer.retry, attempts, pause_seconds=1.0)
    return BatchSender(customer.deliver, LIMITS, lambda operation: 1, retries)


def add(loop: VirtualLoop, sender: BatchSender, person: str, event: str) -> asyncio.Future[Outcome]:
    future = loop.run_until_complete(sender.add(Operation("track", person, {}, event)))
    loop.settle()
    return future


BLAMED, INNOCENT = Held(1, "500", is_blamed=True), Held(1, "500")


def test_pauses_grow_and_only_failures_to_blame_count(loop: VirtualLoop) -> None:
    customer = Customer(loop, BLAMED, INNOCENT, INNOCENT, BLAMED, BLAMED)
    sender = sender_of(customer)
    culprit = add(loop, sender, "a", "bad")
    for _ in range(200):
        loop.advance(0.5)
    assert customer.retried_at == [1.0, 3.0, 7.0, 15.0, 31.0]
    outcome = culprit.result()
    assert isinstance(outcome, Refused)
    assert (outcome.attempts, outcome.status, outcome.reason) == (10, None, "undeliverable")
    assert sender.unfinished == 0


def test_the_lane_waits_and_the_others_overtake(loop: VirtualLoop) -> None:
    customer = Customer(loop, BLAMED, Delivered(1))
    sender = sender_of(customer)
    culprit = add(loop, sender, "a", "bad")
    behind = add(loop, sender, "a", "2")
    for number in "123":
        assert add(loop, sender, "b", number).done()
    assert customer.taken == ["b1", "b2", "b3"]
    assert not behind.done()
    for _ in range(3):
        loop.advance(1.0)
    assert culprit.result() == Delivered(7)
    assert behind.result() == Delivered(1)
    assert customer.taken[3:] == ["abad", "a2"]


def test_what_was_held_behind_another_goes_on_in_order_and_keeps_its_attempts(loop: VirtualLoop) -> None:
    customer = Customer(loop, BLAMED, BLAMED, BLAMED)
    sender = sender_of(customer)
    blocker = add(loop, sender, "a", "bad")
    futures = [add(loop, sender, "a", event) for event in ("1", "2", "3")]
    flushing = loop.create_task(sender.flush())
    for _ in range(10):
        loop.advance(1.0)
    assert isinstance(blocker.result(), Refused)
    assert [future.result() for future in futures] == [Delivered(1)] * 3
    assert customer.taken == ["a1", "a2", "a3"]
    assert flushing.done()


def test_a_longer_pause_is_made_where_the_server_asks_for_it(loop: VirtualLoop) -> None:
    customer = Customer(loop, Held(1, "503", True, retry_after_seconds=9.0), Delivered(1))
    sender = sender_of(customer)
    culprit = add(loop, sender, "a", "bad")
    loop.advance(1.0)
    loop.advance(8.9)
    assert not culprit.done()
    loop.advance(0.1)
    assert culprit.result() == Delivered(7)


def test_without_a_limit_it_is_never_given_up(loop: VirtualLoop) -> None:
    customer = Customer(loop, *[BLAMED] * 100, Delivered(1))
    sender = sender_of(customer, attempts=0)
    culprit = add(loop, sender, "a", "bad")
    for _ in range(101):
        loop.advance(60.0)
    assert culprit.result() == Delivered(106)


def test_abort_ends_what_is_held_and_an_error_reaches_it(loop: VirtualLoop) -> None:
    customer = Customer(loop)
    sender = sender_of(customer)
    culprit, behind = add(loop, sender, "a", "bad"), add(loop, sender, "a", "2")
    loop.run_until_complete(sender.abort())
    loop.advance(100.0)
    assert culprit.cancelled()
    assert behind.cancelled()
    assert customer.retried_at == []

    class Withdrawn(Customer):
        async def retry(self, operation: Any) -> Outcome | Held:
            raise UnauthorizedError("401")

    sender = sender_of(Withdrawn(loop))
    culprit, behind = add(loop, sender, "a", "bad"), add(loop, sender, "a", "2")
    loop.advance(1.0)
    assert isinstance(culprit.exception(), UnauthorizedError)
    # What stands behind an operation that was not delivered would overtake it.
    assert isinstance(behind.exception(), UnauthorizedError)
