"""The batch sender: nothing stranded at any interleaving, each lane in order, batches within their limits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pipeline.operation import Operation
from pipeline.outcome import Delivered, Outcome, UnauthorizedError
from pipeline.sender import BatchLimits, BatchSender, SenderClosedError
from tests.unit.pipeline.virtual_loop import VirtualLoop

LIMITS = BatchLimits(items=3, bytes=50, wait_seconds=1.0, concurrency=2, buffer=8)


def operation(person: str, number: int, size: int = 10) -> Operation:
    return Operation("track", person, {"number": number, "size": size}, event="e")


def size_of(one: Any) -> int:
    return int(one.attributes["size"])


class Batch:
    """One call of ``deliver``, ended by the test."""

    def __init__(self, operations: Sequence[Any]) -> None:
        self.operations = operations
        self.answer: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()

    def succeed(self) -> None:
        self.answer.set_result([Delivered(1) for _ in self.operations])


class Customer:
    """Stands where the client does: keeps every batch open until the test ends it."""

    def __init__(self) -> None:
        self.open: list[Batch] = []
        self.received: list[Any] = []

    async def deliver(self, operations: Sequence[Any]) -> list[Outcome]:
        batch = Batch(operations)
        self.open.append(batch)
        self.received += operations
        try:
            return await batch.answer
        finally:
            self.open.remove(batch)


class AnyInterleaving(RuleBasedStateMachine):
    """Adds, answers, failures, time, flushes, cancelled waits and the end, in any order.

    After a failure nothing more of its lanes is sent: it would overtake what was not delivered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.customer = Customer()
        self.sender = BatchSender(self.customer.deliver, LIMITS, size_of)
        self.numbers = count()
        self.adds: list[asyncio.Task[asyncio.Future[Outcome]]] = []
        self.added: list[tuple[Operation, asyncio.Task[asyncio.Future[Outcome]]]] = []
        self.flushes: list[tuple[asyncio.Task[None], list[asyncio.Future[Outcome]]]] = []
        self.failed: set[int] = set()
        self.failed_lanes: set[str] = set()
        self.ended = False

    @rule(person=st.sampled_from("abcd"), size=st.sampled_from([1, 10, 30, 60]), times=st.integers(1, 5))
    def add(self, person: str, size: int, times: int) -> None:
        for _ in range(times):
            one = operation(person, next(self.numbers), size)
            task = self.loop.create_task(self.sender.add(one))
            self.added.append((one, task))
        self.loop.settle()

    @precondition(lambda self: self.customer.open)
    @rule(which=st.integers(0, 1), data=st.data())
    def answer(self, which: int, data: st.DataObject) -> None:
        batch = self.customer.open[which % len(self.customer.open)]
        if data.draw(st.booleans()):
            batch.succeed()
        else:
            self.failed |= {operation.attributes["number"] for operation in batch.operations}
            self.failed_lanes |= {operation.lane for operation in batch.operations}
            batch.answer.set_exception(UnauthorizedError("401"))
        self.loop.settle()

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.0]))
    def time_passes(self, seconds: float) -> None:
        self.loop.advance(seconds)

    @rule()
    def flush(self) -> None:
        before = [task.result() for _, task in self.added if task.done() and not task.exception()]
        self.flushes.append((self.loop.create_task(self.sender.flush()), before))
        self.loop.settle()

    @precondition(lambda self: any(not task.done() for _, task in self.added))
    @rule()
    def cancel_one_that_waits_for_room(self) -> None:
        index = next(index for index, (_, task) in enumerate(self.added) if not task.done())
        _, task = self.added.pop(index)
        task.cancel()
        self.loop.settle()

    @precondition(lambda self: self.futures())
    @rule(which=st.integers(0, 20))
    def cancel_a_future(self, which: int) -> None:
        futures = self.futures()
        futures[which % len(futures)].cancel()
        self.loop.settle()

    def futures(self) -> list[asyncio.Future[Outcome]]:
        return [task.result() for _, task in self.added if task.done() and not task.exception()]

    @invariant()
    def batches_are_within_their_limits(self) -> None:
        assert len(self.customer.open) <= LIMITS.concurrency
        for batch in self.customer.open:
            sizes = [size_of(operation) for operation in batch.operations]
            assert 1 <= len(sizes) <= LIMITS.items
            assert sum(sizes) <= LIMITS.bytes or len(sizes) == 1

    @invariant()
    def the_buffer_is_bounded(self) -> None:
        assert self.sender.unfinished <= LIMITS.buffer

    @invariant()
    def a_lane_is_in_one_batch_at_a_time_and_in_order(self) -> None:
        lanes = [{operation.lane for operation in batch.operations} for batch in self.customer.open]
        assert sum(map(len, lanes)) == len(set().union(*lanes))
        for lane in "abcd":
            numbers = [
                operation.attributes["number"]
                for operation in self.customer.received
                if operation.lane == lane
            ]
            assert numbers == sorted(set(numbers))

    @invariant()
    def nothing_waits_longer_than_it_should(self) -> None:
        """Whatever could go has gone: capacity is left only if nobody who is ready is due."""
        if len(self.customer.open) < LIMITS.concurrency:
            assert not (self.sender._ready and self.sender._is_due(self.loop.time()))

    @invariant()
    def a_flush_ends_with_what_was_added_before(self) -> None:
        for task, before in self.flushes:
            if task.done():
                assert all(future.done() for future in before)

    def teardown(self) -> None:
        closing = self.loop.create_task(self.sender.close())
        self.loop.settle()
        while self.customer.open:
            self.customer.open[0].succeed()
            self.loop.settle()
        assert closing.done()
        assert self.sender.unfinished == 0
        assert all(task.done() for task, _ in self.flushes)
        received = {operation.attributes["number"] for operation in self.customer.received}
        delivered = received - self.failed
        for operation, task in self.added:
            if isinstance(task.exception(), SenderClosedError):
                continue
            number = operation.attributes["number"]
            future = task.result()
            assert future.done()
            assert number in received or operation.lane in self.failed_lanes
            if not future.cancelled():
                assert (future.exception() is None) == (number in delivered)
        self.loop.close()


AnyInterleaving.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyInterleaving = AnyInterleaving.TestCase


@pytest.fixture
def loop() -> VirtualLoop:
    return VirtualLoop()


def test_a_batch_goes_when_it_is_full_or_when_its_first_has_waited(loop: VirtualLoop) -> None:
    customer = Customer()
    sender = BatchSender(customer.deliver, LIMITS, size_of)
    for number in range(4):
        loop.run_until_complete(sender.add(operation(f"p{number}", number)))
    loop.settle()
    assert [len(batch.operations) for batch in customer.open] == [3]
    loop.advance(0.9)
    assert len(customer.open) == 1
    loop.advance(0.1)
    assert [len(batch.operations) for batch in customer.open] == [3, 1]
    for batch in list(customer.open):
        batch.succeed()
    loop.run_until_complete(sender.close())
    loop.close()


def test_abort_ends_everything_and_sends_nothing_more(loop: VirtualLoop) -> None:
    customer = Customer()
    sender = BatchSender(customer.deliver, LIMITS, size_of)
    waiting = [loop.create_task(sender.add(operation("one", number))) for number in range(12)]
    loop.advance(2)
    loop.run_until_complete(sender.abort())
    loop.advance(5)
    assert sender.unfinished == 0
    assert not customer.open
    assert len(customer.received) == 3
    added = [task.result() for task in waiting if not task.exception()]
    assert len(added) == 8
    assert all(future.cancelled() for future in added)
    with pytest.raises(SenderClosedError):
        loop.run_until_complete(sender.add(operation("one", 12)))
    loop.close()


def test_a_wrong_number_of_outcomes_is_an_error_and_not_a_guess(loop: VirtualLoop) -> None:
    async def deliver(operations: Sequence[Any]) -> list[Outcome]:
        return [Delivered(1)]

    sender = BatchSender(deliver, LIMITS, size_of)
    futures = [loop.run_until_complete(sender.add(operation("one", number))) for number in range(2)]
    loop.run_until_complete(sender.close())
    assert all(isinstance(future.exception(), RuntimeError) for future in futures)
    loop.close()


def test_after_an_error_nothing_of_its_lane_overtakes_what_was_not_delivered(loop: VirtualLoop) -> None:
    customer = Customer()
    sender = BatchSender(customer.deliver, BatchLimits(1, 100, 0.0, 10, 100), size_of)

    def add(person: str, number: int) -> asyncio.Future[Outcome]:
        return loop.run_until_complete(sender.add(operation(person, number)))

    first, behind, other = add("one", 0), add("one", 1), add("other", 2)
    loop.settle()
    customer.open[0].answer.set_exception(UnauthorizedError("401"))
    loop.settle()
    for future in (first, behind, add("one", 3)):
        assert isinstance(future.exception(), UnauthorizedError)
    assert [batch.operations[0].lane for batch in customer.open] == ["other"]
    customer.open[0].succeed()
    loop.settle()
    assert other.result() == Delivered(1)
    assert sender.unfinished == 0
    loop.close()
