"""The way of one message: checked, delivered or dead-lettered, and only then settled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pipeline.cancelling import cancel
from pipeline.dead_letter import DeadLetter
from pipeline.delivery.message import PoisonError, Stamp, parse_message
from pipeline.monitoring.metrics import PipelineMetrics
from pipeline.operation import Operation
from pipeline.outcome import Delivered, Outcome, Refused
from pipeline.sender import BatchSender


@dataclass(frozen=True)
class ReceivedMessage:
    """A message as it was read. ``timestamp_ms`` is its own time, -1 if unknown; ``stamp`` see there."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    stamp: Stamp = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.key or b"") + len(self.value or b"")


Fate = Literal["delivered", "dead"]
#: Called once a message is delivered, or safe among the dead letters.
Settle = Callable[[Fate], object]


class DeadLetters(Protocol):
    """Where dead letters are kept."""

    def write(self, letter: DeadLetter) -> Coroutine[Any, Any, None]:
        """Returns when the letter is safe; as long as it is not, the message is not settled."""
        ...


class Courier:
    """Takes messages in the order of their reading and settles each exactly once, or never.

    Never: the delivery was given up or has failed for a reason that is not the message's. It was not
    settled then, so it will be read again.

    Args:
        make_sender: a batch sender; another one after each ``abandon``.
        refuse: says of an operation that it need not be sent, because it will not be taken.
        dead_letters: for what Customer.io will never take.
        metrics: told of every delivery and dead letter.
        fail: told of errors after which going on makes no sense, such as wrong credentials.
    """

    def __init__(
        self,
        make_sender: Callable[[], BatchSender],
        refuse: Callable[[Operation], Refused | None],
        dead_letters: DeadLetters,
        metrics: PipelineMetrics,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._make_sender = make_sender
        self._sender = make_sender()
        self._refuse = refuse
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._fail = fail
        self._burials: set[asyncio.Task[None]] = set()
        #: Messages that were taken and are not over, and what they say, without what Python adds.
        self.open_bytes = 0
        self.open_messages = 0

    def tell(self) -> None:
        """Tells the metrics what is on its way."""
        self._metrics.set_in_flight(self._sender.in_flight)
        self._metrics.set_buffered(self._sender.unfinished - self._sender.in_flight)

    async def take(self, message: ReceivedMessage, settle: Settle) -> None:
        """Starts a message on its way; yields only if the sender has no room.

        Args:
            message: what was read.
            settle: see ``Settle``.
        """
        try:
            operation = parse_message(message.value, message.stamp)
        except PoisonError as error:
            self.bury(message, error.cause, error.detail, 0, settle)
            return
        refused = self._refuse(operation)
        if refused is not None:
            # At once: what is too large for Customer.io may be too large to be kept waiting here.
            self._bury_refused(message, refused, settle)
            return
        sender = self._sender
        future = await sender.add(operation)
        self._open(message, 1)
        future.add_done_callback(lambda ended: self._over(message, operation, settle, sender, ended))

    def bury(self, message: ReceivedMessage, cause: str, detail: str, attempts: int, settle: Settle) -> None:
        """Sends a message to the dead letters."""
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
        burial = asyncio.get_running_loop().create_task(self._dead_letters.write(letter))
        self._open(message, 1)
        self._burials.add(burial)
        burial.add_done_callback(lambda over: self._buried(message, cause, settle, over))

    async def drain(self) -> None:
        """Sends what was taken without waiting for full batches; returns when all of it is over."""
        await self._sender.flush()
        while self._burials:
            await asyncio.wait(set(self._burials))

    async def finish(self, seconds: float) -> int:
        """Drains for at most so long, and abandons the rest. Returns how many messages that were."""
        try:
            async with asyncio.timeout(seconds):
                await self.drain()
        except TimeoutError:
            abandoned = self.open_messages
            await self.abandon()
            return abandoned
        return 0

    async def abandon(self) -> None:
        """Cancels whatever is not over; what is taken from now on goes its way as before."""
        abandoned, self._sender = self._sender, self._make_sender()
        await abandoned.abort()
        await cancel(*self._burials)

    def _over(
        self,
        message: ReceivedMessage,
        operation: Operation,
        settle: Settle,
        sender: BatchSender,
        ended: asyncio.Future[Outcome],
    ) -> None:
        self._open(message, -1)
        if ended.cancelled():
            if sender is self._sender:
                self._fail(RuntimeError("a delivery was cancelled by nobody"))
            return
        error = ended.exception()
        if error is not None:
            self._fail(error)
            return
        outcome = ended.result()
        if isinstance(outcome, Delivered):
            self._metrics.count_delivered(operation.kind, _age_seconds(message))
            settle("delivered")
        else:
            self._bury_refused(message, outcome, settle)

    def _bury_refused(self, message: ReceivedMessage, refused: Refused, settle: Settle) -> None:
        cause = "too_large" if refused.reason == "too_large" else "refused"
        self.bury(message, cause, _why(refused), refused.attempts, settle)

    def _open(self, message: ReceivedMessage, by: int) -> None:
        self.open_messages += by
        self.open_bytes += by * message.size

    def _buried(self, message: ReceivedMessage, cause: str, settle: Settle, over: asyncio.Task[None]) -> None:
        self._burials.discard(over)
        self._open(message, -1)
        if over.cancelled():
            return
        error = over.exception()
        if error is not None:
            self._fail(error)
            return
        self._metrics.count_dead_letter(cause)
        settle("dead")


def _age_seconds(message: ReceivedMessage) -> float | None:
    if message.timestamp_ms < 0:
        return None
    return max(0.0, time.time() - message.timestamp_ms / 1000)


def _why(refused: Refused) -> str:
    status = "not sent" if refused.status is None else str(refused.status)
    place = f"{refused.field}: " if refused.field else ""
    return f"{status}, {refused.reason}: {place}{refused.message}"
