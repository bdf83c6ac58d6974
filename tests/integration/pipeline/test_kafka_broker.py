"""The tests' own broker: what others rely on."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from tests.servers.kafka_broker import KafkaBroker, Message


def test_records_survive_a_cut_of_all_connections() -> None:
    with KafkaBroker() as broker:
        asyncio.run(_survive(broker))


async def _survive(broker: KafkaBroker) -> None:
    await broker.create_topic("people", 3)
    places = await broker.produce("people", [Message(b"%d" % n, b"v%d" % n) for n in range(200)])
    assert len(set(places)) == 200

    broker.cut()
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    with pytest.raises(KafkaConnectionError):
        await admin.start()
    await admin.close()
    broker.restore()

    records = await broker.read_all("people", 200)
    assert sorted((r.partition, r.offset) for r in records) == sorted(places)
    assert {r.key: r.value for r in records} == {b"%d" % n: b"v%d" % n for n in range(200)}


def test_the_committed_offsets_of_a_group_are_told() -> None:
    with KafkaBroker() as broker:
        asyncio.run(_commit(broker))


async def _commit(broker: KafkaBroker) -> None:
    await broker.create_topic("people", 2)
    await broker.produce("people", [Message(b"k", b"v", partition=1) for _ in range(5)])
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, group_id="g", enable_auto_commit=False)
    async with consumer:
        consumer.assign([TopicPartition("people", 1)])
        await consumer.commit({TopicPartition("people", 1): 3})
    assert await broker.committed("g", "people") == {1: 3}
