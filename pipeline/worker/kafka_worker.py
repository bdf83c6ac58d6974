"""The worker in its consumer group: reads, delivers and commits, and gives up partitions without loss."""

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
from pipeline.delivery.message import Stamp
from pipeline.delivery.offset_ledger import MOST_SPAN, OffsetLedger
from pipeline.delivery.opening import BUFFER, BUFFER_BYTES
from pipeline.monitoring.metrics import PipelineMetrics
from pipeline.origin import deduplication_id, normal_ms, origin_of
from pipeline.worker.lag import measure_lag
from pipeline.worker.readiness import Readiness

_log = logging.getLogger(__name__)

_POLL_MS = 200
_MOST_AT_ONCE = 500
_COMMIT_SECONDS = 1.0
_COMMIT_TIMEOUT_SECONDS = 5.0
_LAG_SECONDS = 5.0
_NO_PARTITIONS = "waiting for partitions"
# Below this mark a whole read fits into the sender's buffer, so the sender accepts it without waiting.
# Reading pauses at the upper mark and resumes at the lower one.
_PAUSE_AT = BUFFER - _MOST_AT_ONCE
_RESUME_AT = _PAUSE_AT // 2


class KafkaWorker(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Reads a topic and delivers its messages at least once.

    An offset is committed only when every message before it in its partition is delivered or dead-lettered.

    Args:
        consumer: started, and not subscribed yet.
        topic: the topic to read.
        courier: delivers the messages.
        metrics: counts messages and measures the lag.
        readiness: kept up to date with what the worker waits for.
        drain_seconds: how long deliveries in flight may take when partitions are revoked. After that the
            next owner delivers those messages again, with the same de-duplication ids. Keep it below the
            session timeout: the group waits no longer.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topic: str,
        courier: Courier,
        metrics: PipelineMetrics,
        readiness: Readiness,
        drain_seconds: float,
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._courier = courier
        self._metrics = metrics
        self._readiness = readiness
        self._drain_seconds = drain_seconds
        self._ledgers: dict[TopicPartition, OffsetLedger] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._paused = False

    async def run(self, stop: asyncio.Event) -> None:
        """Read and deliver until ``stop`` is set. Deliveries may still be in flight then: call ``finish``.

        Raises:
            KafkaError: the broker refuses for good, for example because reading the topic is not permitted.
        """
        self._readiness.wait_for(_NO_PARTITIONS)
        self._consumer.subscribe([self._topic], listener=self)
        # A read waits until a rebalance is over. A stop must not wait for the read.
        await unless_ended(self._read(), stop)

    async def finish(self, deliver_seconds: float, commit_seconds: float) -> None:
        """Wait for deliveries in flight, abandon what is left after ``deliver_seconds``, and commit."""
        await self._drain(deliver_seconds)
        await self._commit(commit_seconds)

    async def _read(self) -> None:
        commit_at = lag_at = time.monotonic() + _COMMIT_SECONDS
        while True:
            batches = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_MOST_AT_ONCE)
            # No await may yield between the read and the last accept: a rebalance in between would revoke
            # partitions whose messages are not in a ledger yet.
            for partition, records in batches.items():
                for record in records:
                    await self._accept(partition, record)
            self._apply_back_pressure()
            self._courier.report_buffers()
            if time.monotonic() >= commit_at:
                await self._commit(_COMMIT_TIMEOUT_SECONDS)
                commit_at = time.monotonic() + _COMMIT_SECONDS
            if time.monotonic() >= lag_at:
                await measure_lag(self._consumer, lambda: self._ledgers, self._metrics)
                lag_at = time.monotonic() + _LAG_SECONDS

    async def _commit(self, timeout_seconds: float) -> None:
        """Commit the position of each partition that has moved. The next commit retries a failed one."""
        offsets = {
            partition: ledger.position
            for partition, ledger in self._ledgers.items()
            if ledger.position is not None and ledger.position != self._committed.get(partition)
        }
        if not offsets:
            return
        try:
            # Without a timeout a commit waits as long as the broker is away.
            async with asyncio.timeout(timeout_seconds):
                await self._consumer.commit(offsets)
        except (TimeoutError, KafkaError, IllegalStateError) as error:
            # The group has moved on, or the broker is away. A member of the group reads the messages again.
            self._readiness.wait_for(f"offsets were not committed: {type(error).__name__}")
            _log.warning("offsets not committed", extra={"error": type(error).__name__})
        else:
            self._committed.update(offsets)
            self._readiness.set_ready()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Finish deliveries in flight before another worker reads on."""
        if self._ledgers:
            await self._drain(self._drain_seconds)
            await self._commit(_COMMIT_TIMEOUT_SECONDS)
        for partition in self._ledgers:
            self._metrics.forget_partition(partition.topic, partition.partition)
        self._ledgers = {}
        self._committed = {}
        self._readiness.wait_for(_NO_PARTITIONS)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Begin a ledger for each partition."""
        self._ledgers = {partition: OffsetLedger() for partition in assigned}
        self._paused = False
        self._readiness.set_ready()
        _log.info("partitions assigned", extra={"partitions": sorted(p.partition for p in self._ledgers)})

    async def _accept(self, partition: TopicPartition, record: ConsumerRecord[bytes, bytes]) -> None:
        ledger = self._ledgers.get(partition)
        if ledger is None:
            return
        if not ledger.is_beyond(record.offset):
            # The topic was created anew, or a new leader had fewer records. The ledger starts again, too.
            _log.warning("offsets have gone back", extra={"partition": partition.partition})
            ledger = self._ledgers[partition] = OffsetLedger()
        ledger.begin(record.offset)
        self._metrics.count_consumed(partition.topic, partition.partition)
        await self._courier.accept(_message(record), lambda result: ledger.settle(record.offset))

    async def _drain(self, seconds: float) -> None:
        """Wait for deliveries in flight, and abandon what is left after ``seconds``."""
        if abandoned := await self._courier.finish(seconds):
            _log.warning(
                "deliveries abandoned; their messages will be read again", extra={"messages": abandoned}
            )

    def _apply_back_pressure(self) -> None:
        """Pause reading while too much is in flight. The poll loop goes on, so the group keeps the worker."""
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


def _seconds(timestamp: int) -> int | None:
    """Return a record's time in Unix seconds; ``None`` if it has none."""
    return normal_ms(timestamp) // 1000 if timestamp > 0 else None


def _message(record: ConsumerRecord[bytes, bytes]) -> ReceivedMessage:
    # A message that was replayed from the dead letters keeps the position where it was first read.
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
