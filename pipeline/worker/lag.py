"""How far a worker is behind: messages of its partitions that are not settled yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from pipeline.delivery.offset_ledger import OffsetLedger
from pipeline.monitoring.metrics import PipelineMetrics

_ANSWER_SECONDS = 2.0


async def tell_lag(
    consumer: AIOKafkaConsumer,
    ledgers: Callable[[], Mapping[TopicPartition, OffsetLedger]],
    metrics: PipelineMetrics,
) -> None:
    """Asks the broker for the ends, and tells the metrics what lies before them.

    What the consumer knows of the ends by itself is as old as its last read, and it does not read while
    too much is on its way: just when the lag grows. A broker that does not answer leaves the old figures.
    """
    partitions = list(ledgers())
    if not partitions:
        return
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            ends = await consumer.end_offsets(partitions)
            # Of a partition of which nothing has been read yet: where reading will begin.
            starts = {partition: await consumer.position(partition) for partition in partitions}
    except (TimeoutError, KafkaError, IllegalStateError):
        return
    # Meanwhile a partition may have gone to another worker, who tells its lag now.
    for partition, ledger in ledgers().items():
        if partition not in ends:
            continue
        first = ledger.first_unsettled
        end = max(ends[partition], consumer.highwater(partition) or 0)
        behind = max(0, end - (starts[partition] if first is None else first))
        metrics.set_lag(partition.topic, partition.partition, behind)
