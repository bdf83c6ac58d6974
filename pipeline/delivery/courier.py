"""Takes one message through the pipeline: checked, then delivered or dead-lettered, and only then settled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pipeline.cancelling import cancel
from pipeline.dead_letter import DeadLetter
from pipeline.delivery.message import Parse, PoisonError, Stamp, parse_message
from pipeline.monitoring.metrics import PipelineMetrics
from pipeline.operation import AnyOperation
from pipeline.origin import normal_ms
from pipeline.outcome import Delivered, Outcome, Refused
from pipeline.sender import UNDELIVERABLE, BatchSender


@dataclass(frozen=True)
class ReceivedMessage:
    """A message as it was read.

    Args:
        topic, partition, offset: the position where it was first read.
        timestamp_ms: the message's own time in Unix milliseconds; -1 if unknown.
        key, value: the bytes; both may be missing.
        stamp: what the position adds to the message.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    stamp: Stamp = field(repr=False)

    @property
    def size(self) -> int:
        """The bytes of key and value."""
        return len(self.key or b"") + len(self.value or b"")


Result = Literal["delivered", "dead"]
#: Called once a message is delivered or its dead letter is safe.
Settle = Callable[[Result], object]


class DeadLetters(Protocol):
    """A place that keeps dead letters."""

    def write(self, letter: DeadLetter) -> Coroutine[Any, Any, None]:
        """Write a dead letter and return when it is safe. Its message is not settled before that."""
        ...


class Courier:
    """Accepts messages in the order in which they were read, and settles each at most once.

    A message stays unsettled if its delivery was abandoned or failed for a reason that is not the message's.
    Its source reads it again.

    Args:
        make_sender: returns a new batch sender; called again after each ``abandon``.
        refuse: returns why an operation cannot be accepted by Customer.io, before it is sent; else ``None``.
        dead_letters: keeps the messages that Customer.io will never accept.
        metrics: counts deliveries and dead letters.
        fail: called with an error that stops all deliveries, such as wrong credentials.
        parse: returns the operation in the value of a message.
    """

    def __init__(
        self,
        make_sender: Callable[[], BatchSender],
        refuse: Callable[[AnyOperation], Refused | None],
        dead_letters: DeadLetters,
        metrics: PipelineMetrics,
        fail: Callable[[BaseException], None],
        parse: Parse = parse_message,
    ) -> None:
        self._make_sender = make_sender
        self._sender = make_sender()
        self._refuse = refuse
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._fail = fail
        self._parse = parse
        self._letter_writes: set[asyncio.Task[None]] = set()
        #: Messages that were accepted and have no result yet, and the bytes of their keys and values.
        self.open_messages = 0
        self.open_bytes = 0
        #: Messages that Customer.io has accepted, and messages whose dead letter is safe, since the start.
        self.delivered = 0
        self.dead = 0

    def report_buffers(self) -> None:
        """Set the metrics of operations in flight and operations waiting."""
        self._metrics.set_in_flight(self._sender.in_flight)
        self._metrics.set_buffered(self._sender.unfinished - self._sender.in_flight)

    async def accept(self, message: ReceivedMessage, settle: Settle) -> None:
        """Begin the delivery of a message. Yields only if the sender's buffer is full.

        Args:
            message: what was read.
            settle: see ``Settle``.
        """
        try:
            operation = self._parse(message.value, message.stamp)
        except PoisonError as error:
            self.dead_letter(message, error.cause, error.detail, 0, settle)
            return
        refused = self._refuse(operation)
        if refused is not None:
            # Before it waits in the sender: an item that is too large would fill the buffer.
            self._dead_letter_refused(message, refused, settle)
            return
        sender = self._sender
        future = await sender.add(operation)
        self._count_open(message, 1)
        future.add_done_callback(lambda ended: self._finish(message, operation, settle, sender, ended))

    def dead_letter(
        self, message: ReceivedMessage, cause: str, detail: str, attempts: int, settle: Settle
    ) -> None:
        """Begin to write the dead letter of a message."""
        letter = DeadLetter(
            key=message.key,
            value=message.value,
            cause=cause,
            detail=detail,
            attempts=attempts,
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            timestamp_ms=message.timestamp_ms,
            failed_at_ms=time.time_ns() // 1_000_000,
        )
        write = asyncio.get_running_loop().create_task(self._dead_letters.write(letter))
        self._count_open(message, 1)
        self._letter_writes.add(write)
        write.add_done_callback(lambda ended: self._finish_dead_letter(message, cause, settle, ended))

    async def drain(self) -> None:
        """Send accepted messages without waiting for full batches, and wait until all have a result."""
        await self._sender.flush()
        while self._letter_writes:
            await asyncio.wait(set(self._letter_writes))

    async def finish(self, seconds: float) -> int:
        """Drain for at most ``seconds``, then abandon what is left.

        Returns:
            The number of abandoned messages.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.drain()
        except TimeoutError:
            abandoned = self.open_messages
            await self.abandon()
            return abandoned
        return 0

    async def abandon(self) -> None:
        """Cancel every delivery and dead-letter write in flight. Messages can still be accepted."""
        abandoned, self._sender = self._sender, self._make_sender()
        await abandoned.abort()
        await cancel(*self._letter_writes)

    def _finish(
        self,
        message: ReceivedMessage,
        operation: AnyOperation,
        settle: Settle,
        sender: BatchSender,
        ended: asyncio.Future[Outcome],
    ) -> None:
        self._count_open(message, -1)
        if ended.cancelled():
            if sender is self._sender:
                self._fail(RuntimeError("internal error: a delivery was cancelled unexpectedly"))
            return
        error = ended.exception()
        if error is not None:
            self._fail(error)
            return
        outcome = ended.result()
        if isinstance(outcome, Delivered):
            self.delivered += 1
            self._metrics.count_delivered(operation.kind, _age_seconds(message))
            settle("delivered")
        else:
            self._dead_letter_refused(message, outcome, settle)

    def _dead_letter_refused(self, message: ReceivedMessage, refused: Refused, settle: Settle) -> None:
        self.dead_letter(message, _cause(refused), _describe(refused), refused.attempts, settle)

    def _finish_dead_letter(
        self, message: ReceivedMessage, cause: str, settle: Settle, ended: asyncio.Task[None]
    ) -> None:
        self._letter_writes.discard(ended)
        self._count_open(message, -1)
        if ended.cancelled():
            return
        error = ended.exception()
        if error is not None:
            self._fail(error)
            return
        self.dead += 1
        self._metrics.count_dead_letter(cause)
        settle("dead")

    def _count_open(self, message: ReceivedMessage, change: int) -> None:
        self.open_messages += change
        self.open_bytes += change * message.size


def _age_seconds(message: ReceivedMessage) -> float | None:
    if message.timestamp_ms < 0:
        return None
    return max(0.0, time.time() - normal_ms(message.timestamp_ms) / 1000)


def _cause(refused: Refused) -> str:
    if refused.reason == UNDELIVERABLE and refused.status is None:
        return UNDELIVERABLE
    return "too_large" if refused.reason == "too_large" else "refused"


def _describe(refused: Refused) -> str:
    if refused.reason == UNDELIVERABLE and refused.status is None:
        return refused.message
    status = "not sent" if refused.status is None else str(refused.status)
    place = f"{refused.field}: " if refused.field else ""
    return f"{status}, {refused.reason}: {place}{refused.message}"
