"""A Kafka topic as the queue. The broker's client runs in a process of its own, behind two pipes.

No client of Kafka's runs well beside VUs. kafka-python and a thread with aiokafka share the interpreter with
them: of a hundred sleeps one ended 20 to 90 ms late. With confluent-kafka, whose threads are in C, it was
3 ms at 1000 messages/s and 32 ms at 3000; with the client elsewhere it is 2 ms at both
(``benchmarks/queue_producers.py``).
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import gevent
from gevent.event import AsyncResult, Event
from gevent.os import make_nonblocking, nb_read, nb_write

from config.errors import ConfigError
from run.queued.child import PipelineCommand
from users.message_queue import NotQueuedError, QueuedMessage
from users.outcome import Failure, FailureKind

#: The worker's default, too.
DEFAULT_TOPIC = "customerio-events"

_READY_SECONDS = 30.0
_BLOCK_BYTES = 65_536


class TopicQueue:
    """A queue in a topic, filled through ``python -m pipeline.produce --relay``.

    The client does not ask for idempotent writes: what it repeats after a lost acknowledgement is recognised
    by its id, and a broker that lacks them is as good.

    Args:
        variables: the environment and ``.env``, which say where the broker and the topic are.
        log: where the client's own words go.

    Raises:
        ConfigError: the broker or the topic cannot be used.
    """

    def __init__(self, variables: Mapping[str, str], log: Path) -> None:
        self._command = PipelineCommand(
            "pipeline.produce", ["--relay", "--no-idempotence"], variables, log, stdout=subprocess.PIPE
        )
        self._stdin = self._command.stdin.fileno()
        assert self._command.process.stdout is not None  # noqa: S101 - it was asked for
        self._stdout = self._command.process.stdout.fileno()
        make_nonblocking(self._stdin)
        make_nonblocking(self._stdout)
        self.name = f"the topic {variables.get('KAFKA_TOPIC', DEFAULT_TOPIC)}"
        self._number = 0
        self._waiting: dict[int, AsyncResult[str]] = {}
        # Lines go out in one greenlet: a VU that gives up waiting must not leave half a line in the pipe.
        self._lines: list[bytes] = []
        self._has_lines = Event()
        self._rest = b""
        self._greenlets: list[gevent.Greenlet[..., None]] = []
        try:
            with gevent.Timeout(_READY_SECONDS, TimeoutError("the broker does not answer")):
                is_ready = self._read_lines() == [b"ready"]
        except TimeoutError as error:
            self.close()
            raise ConfigError(f"KAFKA_BROKERS: {error}") from error
        if not is_ready:
            self._command.process.wait()
            self.close()
            raise ConfigError(f"KAFKA_BROKERS, KAFKA_TOPIC: {self._command.last_words}")
        self._greenlets = [gevent.spawn(self._read), gevent.spawn(self._write)]

    @property
    def fault(self) -> str | None:
        """Why nothing can be put into the queue any more, or ``None``."""
        return None if self._command.is_running else f"the producer has ended: {self._command.last_words}"

    def put(self, message: QueuedMessage, timeout_seconds: float) -> None:
        """Send a message, and wait until all in-sync replicas have it."""
        result: AsyncResult[str] = AsyncResult()
        number, self._number = self._number, self._number + 1
        self._waiting[number] = result
        self._lines.append(message.value + b"\n")
        self._has_lines.set()
        timeout = gevent.Timeout(timeout_seconds)
        try:
            with timeout:
                reason = result.get()
        except gevent.Timeout as error:
            if error is not timeout:
                raise
            raise NotQueuedError(
                Failure(FailureKind.TIMEOUT, "the broker did not acknowledge in time")
            ) from error
        finally:
            self._waiting.pop(number, None)
        if reason:
            raise NotQueuedError(Failure(FailureKind.NOT_QUEUED, reason))

    def _write(self) -> None:
        try:
            while self._has_lines.wait():
                self._has_lines.clear()
                lines, self._lines = b"".join(self._lines), []
                while lines:
                    lines = lines[nb_write(self._stdin, lines) :]
        except OSError:
            # The producer has ended; the reader finds that out too, and says so to whoever waits.
            return

    def _read(self) -> None:
        while lines := self._read_lines():
            for line in lines:
                number, _, reason = line.decode().partition(" ")
                waiting = self._waiting.pop(int(number), None)
                if waiting is not None:
                    waiting.set(reason)
        for waiting in list(self._waiting.values()):
            waiting.set("the producer has ended")

    def _read_lines(self) -> list[bytes]:
        """Wait for whole lines and return them; none at the end."""
        while block := nb_read(self._stdout, _BLOCK_BYTES):
            *lines, self._rest = (self._rest + block).split(b"\n")
            if lines:
                return lines
        return []

    def close(self) -> None:
        """End the producer."""
        gevent.killall(self._greenlets)
        self._command.stop()
