"""Runs a rehearsal: load, workers, autoscaler, and at the end the account of every message."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from config.errors import ConfigError
from pipeline.kafka import connection_options
from pipeline.produce.producer import Producer
from pipeline.produce.topic_creation import ensure_topic
from pipeline.rehearse.account import Account, read_account
from pipeline.rehearse.group_lag import CommittedOffsets
from pipeline.rehearse.load import Load
from pipeline.rehearse.looks import Autoscaler, Look
from pipeline.rehearse.options import RehearsalOptions
from pipeline.rehearse.worker_pool import WorkerPool, worker_environment
from pipeline.settings import KafkaSettings, PipelineSettings, load_pipeline_settings
from standin.control_client import ControlClient
from standin.own_process import LocalStandin

_log = logging.getLogger(__name__)

_START_SECONDS = 60.0
_SETTLE_SECONDS = 120.0


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal that has ended: its looks, its account, when a worker was killed, and whether it settled.

    ``is_settled``: the backlog was gone and the replicas were back at their least in the end.
    """

    looks: tuple[Look, ...]
    account: Account
    killed_at_second: float | None
    is_settled: bool


async def rehearse(variables: dict[str, str], options: RehearsalOptions) -> Rehearsal:
    """Run a rehearsal against a stand-in that it starts, with a topic and a group of its own.

    Args:
        variables: the pipeline's settings; those of Customer.io, the topic and the group are replaced.
        options: what to rehearse.

    Raises:
        ConfigError: a setting is wrong, or the workers did not start.
        KafkaError: the broker can't be used.
    """
    journal = options.folder / "journal.jsonl"
    async with AsyncExitStack() as until_end:
        limit = load_pipeline_settings(_with_target(variables, "http://127.0.0.1:1")).limit
        standin = until_end.enter_context(
            LocalStandin(
                *("--journal", str(journal), "--latency", f"{options.latency_seconds * 1000:g}ms"),
                *("--rate-limit", str(limit.requests)),
            )
        )
        worker_variables = _worker_variables(variables, options, standin.url)
        settings = load_pipeline_settings(worker_variables)
        await _create_topics(settings.kafka, options.partitions)
        until_end.push_async_callback(_delete_topics, settings.kafka)
        pool = WorkerPool(
            worker_environment(worker_variables), options.folder, options.initialization_seconds
        )
        until_end.push_async_callback(pool.stop)
        producer = await until_end.enter_async_context(
            Producer(
                settings.kafka.brokers,
                settings.kafka.topic,
                idempotent=options.idempotent,
                connection=connection_options(settings.kafka),
            )
        )
        offsets = await until_end.enter_async_context(CommittedOffsets(settings.kafka, options.partitions))
        conductor = _Conductor(options, pool, offsets)
        await conductor.start_workers()
        is_settled = await conductor.run(producer)
        await pool.stop()
        control = ControlClient(standin.url)
        refused = control.stats()["refused"]
        control.close()
        account = read_account(journal, conductor.load.sequences, refused)
        return Rehearsal(tuple(conductor.looks), account, conductor.killed_at_second, is_settled)


class _Conductor:
    """Sends the load and looks at the workers until everything has settled."""

    def __init__(self, options: RehearsalOptions, pool: WorkerPool, offsets: CommittedOffsets) -> None:
        self.load = Load(options.profile)
        self.looks: list[Look] = []
        self.killed_at_second: float | None = None
        self._options = options
        self._pool = pool
        self._offsets = offsets
        self._autoscaler = Autoscaler(options.deployment, options.time_scale)
        self._replicas = options.deployment.least_replicas
        self._sent_before = 0
        self._looked_at = 0.0

    async def start_workers(self) -> None:
        """Start the least number of workers, and wait until all are ready.

        Raises:
            ConfigError: they are not in a minute.
        """
        self._pool.scale_to(self._replicas)
        deadline = time.monotonic() + _START_SECONDS
        while self._pool.ready < self._replicas:
            if time.monotonic() > deadline:
                raise ConfigError(f"the workers are not ready; {self._options.folder} has their logs")
            await asyncio.sleep(0.2)
            await self._pool.look()

    async def run(self, producer: Producer) -> bool:
        """Send the load and scale the workers; return whether all was delivered and the least number is left.

        Raises:
            KafkaError: a message was not acknowledged.
        """
        began = time.monotonic()
        sending = asyncio.create_task(self.load.send(producer))
        try:
            deadline = None
            while True:
                await asyncio.sleep(self._options.look_seconds)
                second = time.monotonic() - began
                self._kill(second)
                look = await self._look(second)
                if not sending.done():
                    continue
                sending.result()
                if look.backlog == 0 and look.next_replicas == self._options.deployment.least_replicas:
                    return True
                deadline = deadline or second + self._settle_seconds
                if second > deadline:
                    return False
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    @property
    def _settle_seconds(self) -> float:
        """How long the way down may take: the window, each step's period, and time for a backlog."""
        down = self._options.deployment.down.scaled(self._options.time_scale)
        longest = max(policy.period_seconds for policy in down.policies)
        return _SETTLE_SECONDS + down.stabilization_seconds + longest * self._options.deployment.most_replicas

    def _kill(self, second: float) -> None:
        after = self._options.kill_after_seconds
        if after is not None and second >= after and self.killed_at_second is None:
            self.killed_at_second = second
            self._pool.kill_one()

    async def _look(self, second: float) -> Look:
        await self._pool.look()
        committed = await self._offsets.total()
        backlog = None if committed is None else max(0, self.load.acknowledged - committed)
        cpus = self._pool.cpus
        by_cpu, by_backlog, replicas = self._autoscaler.decide(second, self._replicas, cpus, backlog)
        known = [cpu.cores for cpu in cpus if cpu.cores is not None]
        request = self._options.deployment.cpu_request_cores
        delivered, delivery_seconds = self._pool.delivered()
        seconds = second - self._looked_at
        look = Look(
            second=round(second, 3),
            replicas=self._replicas,
            ready=self._pool.ready,
            backlog=backlog,
            cpu_share=sum(known) / len(known) / request if known else None,
            by_cpu=by_cpu,
            by_backlog=by_backlog,
            next_replicas=replicas,
            sent_per_second=(self.load.sent - self._sent_before) / seconds,
            delivered_per_second=delivered / seconds,
            delivery_ms=1000 * delivery_seconds / delivered if delivered else None,
        )
        self._sent_before, self._looked_at = self.load.sent, second
        # Even without a change: who was killed is replaced, as a Deployment does.
        self._pool.scale_to(replicas)
        self._replicas = replicas
        self.looks.append(look)
        return look


def _with_target(variables: dict[str, str], url: str) -> dict[str, str]:
    others = {name: value for name, value in variables.items() if not name.startswith("CUSTOMERIO_")}
    return {**others, "CUSTOMERIO_BASE_URL": url}


def _worker_variables(variables: dict[str, str], options: RehearsalOptions, url: str) -> dict[str, str]:
    """Return the workers' settings: their own topic and group, and a share of the limit that fits the "
    "most."""
    topic = f"rehearsal-{time.time_ns()}"
    most = options.deployment.most_replicas + options.deployment.overlap
    timeout_ms = max(3000, round(30_000 * options.time_scale))
    settings = {
        "KAFKA_SESSION_TIMEOUT_MS": str(timeout_ms),
        "KAFKA_HEARTBEAT_MS": str(timeout_ms // 10),
        **_with_target(variables, url),
        "KAFKA_TOPIC": topic,
        "KAFKA_DLQ_TOPIC": f"{topic}-dlq",
        "KAFKA_GROUP": topic,
        "LOG_FORMAT": "json",
    }
    limit = load_pipeline_settings(settings).limit
    if limit.requests < most:
        raise ConfigError(
            f"LIMIT_REQUESTS: expected at least {most}, one for each process, got {limit.requests}"
        )
    if limit.redis_url is not None:
        return {
            **settings,
            "LIMIT_MAX_PROCESSES": str(most),
            "LIMIT_CONCURRENCY": str(max(limit.concurrency, 2 * most)),
        }
    # Without Redis a process does not know of the others: each gets its part, as if Redis were away.
    return {**settings, "LIMIT_REQUESTS": str(limit.requests // most)}


async def _create_topics(settings: KafkaSettings, partitions: int) -> None:
    await ensure_topic(settings, partitions)
    await ensure_topic(replace(settings, topic=settings.dead_letter_topic), 1)


async def _delete_topics(settings: KafkaSettings) -> None:
    """Delete the rehearsal's topics; a warning if the broker does not."""
    admin = AIOKafkaAdminClient(**connection_options(settings))
    topics = [settings.topic, settings.dead_letter_topic]
    try:
        await admin.start()
        await admin.delete_topics(topics)
    except KafkaError as error:
        _log.warning("%s were not deleted: %s", " and ".join(topics), type(error).__name__)
    finally:
        await admin.close()


def settings_of(variables: dict[str, str]) -> PipelineSettings:
    """Return the settings that a rehearsal starts from, whatever the target is.

    Raises:
        ConfigError: one is wrong.
    """
    return load_pipeline_settings(_with_target(variables, "http://127.0.0.1:1"))
