"""The worker in its consumer group: reads, delivers, commits; lets go of partitions without loss."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import IllegalStateError, KafkaError

from pipeline.delivery.courier import Courier, ReceivedMessage
from pipeline.delivery.ending import unless_ended
from pipeline.delivery.message import LATEST_TIMESTAMP, Stamp
from pipeline.delivery.offset_ledger import MOST_SPAN, OffsetLedger
from pipeline.delivery.opening import BUFFER, BUFFER_BYTES
from pipeline.monitoring.metrics import PipelineMetrics
from pipeline.origin import deduplication_id, origin_of
from pipeline.worker.lag import tell_lag

_log = logging.getLogger(__name__)

_POLL_MS = 200
_MOST_AT_ONCE = 500
_COMMIT_SECONDS = 1.0
_COMMIT_TIMEOUT_SECONDS = 5.0
_LAG_SECONDS = 5.0
# A read fits in what the pause leaves of the buffer, so the sender takes all of it without waiting for room.
# Reading stops at the upper mark and goes on at the lower one.
_PAUSE_AT = BUFFER - _MOST_AT_ONCE
_RESUME_AT = _PAUSE_AT // 2


class KafkaWorker(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Reads until it is told to stop; ``consumer`` has been started and not subscribed yet.

    At least once: an offset is committed only when every message before it in its partition has been
    delivered or dead-lettered.

    Args:
        drain_seconds: what is on its way when partitions are taken away gets this long to arrive; then it
            is left to the next owner, who delivers it again under the same de-duplication id. The group
            waits no longer than its session timeout.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        courier: Courier,
        metrics: PipelineMetrics,
        drain_seconds: float,
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._courier = courier
        self._metrics = metrics
        self._drain_seconds = drain_seconds
        self._ledgers: dict[TopicPartition, OffsetLedger] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._paused = False
        #: What keeps it from delivering, for people; ``None``: nothing.
        self.trouble: str | None = "waiting for partitions"

    async def run(self, stop: asyncio.Event) -> None:
        """Reads and delivers until ``stop``; what was taken is still on its way then.

        Raises:
            KafkaError: one that does not pass by itself, such as a topic that may not be read.
        """
        self._consumer.subscribe([self._topic], listener=self)
        # A read waits for as long as a rebalance takes; a stop does not wait for the read.
        await unless_ended(self._read(), stop)

    async def finish(self, deliver_seconds: float, commit_seconds: float) -> None:
        """Gives what was taken so long to arrive, drops the rest, and commits what may be."""
        await self._let_arrive(deliver_seconds)
        await self._commit(commit_seconds)

    async def _read(self) -> None:
        commit_at = lag_at = time.monotonic() + _COMMIT_SECONDS
        while True:
            batches = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_AT_ONCE)
            # No await may yield between the reading and the last of these: a rebalance in between
            # would give partitions away with messages that nobody has booked.
            for partition, records in batches.items():
                for record in records:
                    await self._take(partition, record)
            self._press_back()
            self._courier.tell()
            if time.monotonic() >= commit_at:
                await self._commit(_COMMIT_TIMEOUT_SECONDS)
                commit_at = time.monotonic() + _COMMIT_SECONDS
            if time.monotonic() >= lag_at:
                await tell_lag(self._consumer, lambda: self._ledgers, self._metrics)
                lag_at = time.monotonic() + _LAG_SECONDS

    async def _commit(self, timeout_seconds: float) -> None:
        """Commits every partition's position that has moved; a failure leaves it for the next time."""
        offsets = {
            partition: ledger.position
            for partition, ledger in self._ledgers.items()
            if ledger.position is not None and ledger.position != self._committed.get(partition)
        }
        if not offsets:
            return
        try:
            # Without a bound it would wait for as long as the broker is away.
            async with asyncio.timeout(timeout_seconds):
                await self._consumer.commit(offsets)
        except (TimeoutError, KafkaError, IllegalStateError) as error:
            # The group has moved on or the broker is away: those messages are read again, by whom ever.
            self.trouble = f"offsets were not committed: {type(error).__name__}"
            _log.warning("offsets not committed", extra={"error": type(error).__name__})
        else:
            self._committed.update(offsets)
            self.trouble = None

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Lets what is on its way arrive before anybody else may read on."""
        if self._ledgers:
            await self._let_arrive(self._drain_seconds)
            await self._commit(_COMMIT_TIMEOUT_SECONDS)
        for partition in self._ledgers:
            self._metrics.forget_partition(partition.topic, partition.partition)
        self._ledgers = {}
        self._committed = {}
        self.trouble = "waiting for partitions"

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._ledgers = {partition: OffsetLedger() for partition in assigned}
        self._paused = False
        self.trouble = None
        _log.info("partitions assigned", extra={"partitions": sorted(p.partition for p in self._ledgers)})

    async def _take(self, partition: TopicPartition, record: ConsumerRecord[bytes, bytes]) -> None:
        ledger = self._ledgers.get(partition)
        if ledger is None:
            return
        if not ledger.is_beyond(record.offset):
            # The topic was made anew, or its leader had less: reading has gone back, and so does the ledger.
            _log.warning("offsets have gone back", extra={"partition": partition.partition})
            ledger = self._ledgers[partition] = OffsetLedger()
        ledger.begin(record.offset)
        self._metrics.count_consumed(partition.topic, partition.partition)
        await self._courier.take(_message(record), lambda fate: ledger.settle(record.offset))

    async def _let_arrive(self, seconds: float) -> None:
        if abandoned := await self._courier.finish(seconds):
            _log.warning("deliveries given up; they will be read again", extra={"messages": abandoned})

    def _press_back(self) -> None:
        """Stops reading while too much is on its way. The loop turns on, so the group keeps the worker."""
        open_messages, size = self._courier.open_messages, self._courier.open_bytes
        held_back = any(ledger.span >= MOST_SPAN for ledger in self._ledgers.values())
        if not self._paused and (open_messages >= _PAUSE_AT or size >= BUFFER_BYTES or held_back):
            self._paused = True
            _log.info("reading paused", extra={"messages": open_messages})
            self._consumer.pause(*self._consumer.assignment())
        elif self._paused and open_messages <= _RESUME_AT and size <= BUFFER_BYTES // 2 and not held_back:
            self._paused = False
            _log.info("reading resumed", extra={"messages": open_messages})
            self._consumer.resume(*self._consumer.assignment())


def _seconds(timestamp_ms: int) -> int | None:
    """``None`` for a record without a time, or with one that is in another unit."""
    return timestamp_ms // 1000 if 0 < timestamp_ms <= LATEST_TIMESTAMP * 1000 else None


def _message(record: ConsumerRecord[bytes, bytes]) -> ReceivedMessage:
    # Of a message that was replayed from the dead letters: where it was read first.
    origin = origin_of(record)
    stamp = Stamp(
        deduplication_id=deduplication_id(*origin),
        timestamp=_seconds(origin.timestamp_ms),
        order_key=None if record.key is None else record.key.decode("utf-8", "backslashreplace"),
    )
    return ReceivedMessage(
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
        timestamp_ms=origin.timestamp_ms,
        key=record.key,
        value=record.value,
        stamp=stamp,
    )
