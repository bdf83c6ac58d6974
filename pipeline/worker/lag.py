"""Measures the consumer lag: the messages of a partition that are not settled yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from pipeline.delivery.offset_ledger import OffsetLedger
from pipeline.monitoring.metrics import PipelineMetrics

_ANSWER_SECONDS = 2.0


async def measure_lag(
    consumer: AIOKafkaConsumer,
    ledgers: Callable[[], Mapping[TopicPartition, OffsetLedger]],
    metrics: PipelineMetrics,
) -> None:
    """Ask the broker for the end offsets and set the lag metric.

    The consumer learns end offsets only when it reads, and it does not read while it is paused. That is
    when the lag grows, so the broker is asked. If the broker does not answer, the metric keeps its value.
    """
    partitions = list(ledgers())
    if not partitions:
        return
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            ends = await consumer.end_offsets(partitions)
            # For a partition of which nothing has been read yet, reading will begin here.
            starts = {partition: await consumer.position(partition) for partition in partitions}
    except (TimeoutError, KafkaError, IllegalStateError):
        return
    # Meanwhile a partition may have moved to another worker, which reports its lag from now on.
    for partition, ledger in ledgers().items():
        if partition not in ends:
            continue
        first = ledger.first_unsettled
        end = max(ends[partition], consumer.highwater(partition) or 0)
        behind = max(0, end - (starts[partition] if first is None else first))
        metrics.set_lag(partition.topic, partition.partition, behind)
