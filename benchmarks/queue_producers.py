"""Measure how a client of the broker shares a gevent process with VUs.

    python benchmarks/queue_producers.py HOST:PORT TOPIC CLIENT [MESSAGES_PER_SECOND]

CLIENT is none, relay (aiokafka in a process of its own, as in the load test), thread (aiokafka in a thread),
confluent or kafka-python. The last two need ``pip install confluent-kafka kafka-python``. The topic must
exist. Printed is how late sleeps of 5 ms end beside it, and how long a VU waits for an acknowledgement.
"""

# The patches come before anything else, as in a process of Locust's.
# ruff: noqa: E402

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import collections
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import gevent
from gevent.event import Event
from gevent.os import make_nonblocking, nb_read, nb_write
from gevent.threadpool import ThreadPool

SECONDS = 8.0
VUS = 100
TICKS_PER_SECOND = 200
MESSAGE = {
    "type": "track",
    "userId": "x" * 40,
    "payload": {"event": "e", "properties": {"a": "b" * 200}},
}
VALUE = json.dumps(MESSAGE).encode()

Put = Callable[[int], None]
"""Sends a message and returns when it is acknowledged."""


def confluent(brokers: str, topic: str) -> Put:
    producer = importlib.import_module("confluent_kafka").Producer(
        {"bootstrap.servers": brokers, "acks": "all", "linger.ms": 5}
    )

    def poll() -> None:
        while True:
            producer.poll(0)
            gevent.sleep(0.001)

    def put(number: int) -> None:
        done = Event()
        producer.produce(topic, VALUE, b"%d" % number, on_delivery=lambda *_: done.set())
        done.wait()

    gevent.spawn(poll)
    return put


def kafka_python(brokers: str, topic: str) -> Put:
    producer = importlib.import_module("kafka").KafkaProducer(
        bootstrap_servers=brokers, acks="all", linger_ms=5, enable_idempotence=False
    )

    def put(number: int) -> None:
        done = Event()
        producer.send(topic, VALUE, b"%d" % number).add_both(lambda *_: done.set())
        done.wait()

    return put


def thread(brokers: str, topic: str) -> Put:
    waiting: collections.deque[tuple[bytes, Event]] = collections.deque()
    ended: collections.deque[Event] = collections.deque()
    watcher = gevent.get_hub().loop.async_()

    def wake() -> None:
        while ended:
            ended.popleft().set()

    def run() -> None:
        import asyncio

        from aiokafka import AIOKafkaProducer

        async def send() -> None:
            async with AIOKafkaProducer(bootstrap_servers=brokers, acks="all", linger_ms=5) as producer:
                while True:
                    while waiting:
                        key, done = waiting.popleft()
                        acknowledged = await producer.send(topic, VALUE, key)

                        def end(_: object, done: Event = done) -> None:
                            ended.append(done)
                            watcher.send()

                        acknowledged.add_done_callback(end)
                    await asyncio.sleep(0.001)

        asyncio.run(send())

    def put(number: int) -> None:
        done = Event()
        waiting.append((b"%d" % number, done))
        done.wait()

    watcher.start(wake)
    ThreadPool(1).spawn(run)
    return put


def relay(brokers: str, topic: str) -> Put:
    where = ("--brokers", brokers, "--topic", topic)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.produce", "--relay", "--no-idempotence", *where],
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("expected pipes")
    stdin, stdout = process.stdin.fileno(), process.stdout.fileno()
    make_nonblocking(stdin)
    make_nonblocking(stdout)
    waiting: list[Event] = []

    def read() -> None:
        rest = b""
        while block := nb_read(stdout, 65_536):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                if line != b"ready":
                    waiting[int(line)].set()

    def put(number: int) -> None:
        waiting.append(done := Event())
        nb_write(stdin, VALUE + b"\n")
        done.wait()

    gevent.spawn(read)
    return put


def none(brokers: str, topic: str) -> Put:
    return lambda number: None


CLIENTS = {
    "none": none,
    "relay": relay,
    "thread": thread,
    "confluent": confluent,
    "kafka-python": kafka_python,
}


def percentile_ms(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)] * 1000


def main(brokers: str, topic: str, client: str, per_second: str = "1000") -> None:
    rate = float(per_second)
    put = CLIENTS[client](brokers, topic)
    put(0)
    late: list[float] = []
    waited: list[float] = []
    numbers = iter(range(1, int(SECONDS * rate)))
    start = time.monotonic() + 0.2

    def sleep_until(instant: float) -> None:
        gevent.sleep(max(0.0, instant - time.monotonic()))

    def tick() -> None:
        for number in range(int(SECONDS * TICKS_PER_SECOND)):
            instant = start + number / TICKS_PER_SECOND
            sleep_until(instant)
            late.append(time.monotonic() - instant)

    def send() -> None:
        for number in numbers:
            sleep_until(start + number / rate)
            sent = time.monotonic()
            put(number)
            waited.append(time.monotonic() - sent)

    cpu = time.process_time()
    gevent.joinall([gevent.spawn(tick), *(gevent.spawn(send) for _ in range(VUS))])
    cpu = time.process_time() - cpu
    print(
        f"{client}: {len(waited)} messages; sleeps late p99 {percentile_ms(late, 99):.1f} ms, "
        f"max {max(late) * 1000:.1f} ms; acknowledged after p50 {percentile_ms(waited, 50):.1f} ms, "
        f"p99 {percentile_ms(waited, 99):.1f} ms; CPU {cpu / SECONDS:.0%} of a core",
        flush=True,
    )
    # Threads of a client would keep the process.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
