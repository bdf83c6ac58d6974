"""The pipeline's settings: variables of the environment, and of a ``.env`` file where it has none."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from config.customerio.hosts import TRACK_HOSTS, Api, Region, beside, check_connection, is_loopback
from config.errors import ConfigError
from config.settings import Credentials, Settings, load_settings, read_environment
from pipeline.variables import Variables

TrackApi = Literal["v1", "v2", "pipelines"]
WithoutRedis = Literal["share", "wait"]
# auto means text on a terminal and JSON elsewhere.
LogFormat = Literal["auto", "json", "text"]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

# A stand-in accepts any credentials, so none need to be set for loopback.
_ANY_CREDENTIALS = Credentials("local", "local")


@dataclass(frozen=True)
class TargetSettings:
    """Where Customer.io is, how to sign in, and which of its APIs is used.

    The credentials for the Pipelines API are its write key, and no second part. ``region`` is the setting;
    the host of another region in ``base_url`` takes precedence.
    """

    base_url: str
    credentials: Credentials
    region: Region
    ca_file: str | None
    api: TrackApi

    @property
    def workspace(self) -> str:
        """A name that differs between workspaces and reveals nothing about them."""
        return hashlib.sha256(f"{self.base_url} {self.credentials.site_id}".encode()).hexdigest()[:12]


@dataclass(frozen=True)
class KafkaSecurity:
    """How to reach and sign in to a broker that asks for it."""

    protocol: SecurityProtocol = "PLAINTEXT"
    ca_file: str | None = None
    mechanism: SaslMechanism = "PLAIN"
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class KafkaSettings:
    """The broker, the topics, and how the worker takes part in its group.

    With an ``instance_id`` it is a static member: it keeps its partitions over a restart.
    """

    brokers: str
    topic: str
    dead_letter_topic: str
    group: str
    client_id: str
    session_timeout_ms: int
    heartbeat_ms: int
    instance_id: str | None = None
    security: KafkaSecurity = KafkaSecurity()


@dataclass(frozen=True)
class LimitSettings:
    """The rate limit, and how processes share it."""

    requests: int
    window_seconds: float
    concurrency: int
    min_gap_seconds: float
    redis_url: str | None
    max_processes: int
    without_redis: WithoutRedis


@dataclass(frozen=True)
class BatchSettings:
    """How many operations a batch has, how long its first one waits, and how many batches go at once."""

    items: int
    wait_seconds: float
    concurrency: int


@dataclass(frozen=True)
class UndeliverableSettings:
    """When an operation that fails alone is given up.

    Args:
        attempts: its failures while others were accepted; 0 for never.
        pause_seconds: before its first retry; the pauses grow to sixty times this.
    """

    attempts: int
    pause_seconds: float


@dataclass(frozen=True)
class OperationsSettings:
    """Where the health page listens (nowhere if the port is ``None``), and how logs are written."""

    health_host: str
    health_port: int | None
    log_level: str
    log_format: LogFormat


@dataclass(frozen=True)
class PipelineSettings:
    """All settings of a worker or a backfill; ``message_mapping`` is ``module:function``, if there is one."""

    target: TargetSettings
    kafka: KafkaSettings
    limit: LimitSettings
    batch: BatchSettings
    undeliverable: UndeliverableSettings
    operations: OperationsSettings
    message_mapping: str | None = None


def pipeline_environment() -> dict[str, str]:
    """Return the environment's variables over those of ``.env`` or of the file in PIPELINE_ENV_FILE.

    Raises:
        ConfigError: the file cannot be read, or PIPELINE_ENV_FILE names a file that does not exist.
    """
    named = os.environ.get("PIPELINE_ENV_FILE")
    if named and not Path(named).exists():
        raise ConfigError(f"PIPELINE_ENV_FILE: expected the path of a file, got {named!r}")
    return read_environment(os.environ, Path(named or ".env"))


def load_pipeline_settings(variables: Mapping[str, str]) -> PipelineSettings:
    """Return the settings in variables named as in ``.env.example``.

    Raises:
        ConfigError: a variable has another form than expected, credentials are missing for a host that asks
            for them, or the URL is that of a live host over plain http.
    """
    read = Variables(variables)
    return PipelineSettings(
        target=load_target_settings(variables),
        kafka=load_kafka_settings(variables),
        limit=LimitSettings(
            requests=read.whole("LIMIT_REQUESTS", 80, least=1),
            window_seconds=read.whole("LIMIT_WINDOW_MS", 1000, least=1) / 1000,
            concurrency=read.whole("LIMIT_CONCURRENCY", 20, least=1),
            min_gap_seconds=read.whole("LIMIT_MIN_GAP_MS", 10, least=0) / 1000,
            redis_url=read.redis_url("REDIS_URL"),
            max_processes=read.whole("LIMIT_MAX_PROCESSES", 8, least=1),
            without_redis=cast(WithoutRedis, read.one_of("LIMIT_WITHOUT_REDIS", "share", "wait")),
        ),
        batch=BatchSettings(
            items=read.whole("BATCH_SIZE", 100, least=1),
            wait_seconds=read.whole("BATCH_WAIT_MS", 1000, least=0) / 1000,
            concurrency=read.whole("CONCURRENCY", 10, least=1),
        ),
        undeliverable=UndeliverableSettings(
            attempts=read.whole("UNDELIVERABLE_ATTEMPTS", 10, least=0),
            pause_seconds=read.whole("UNDELIVERABLE_PAUSE_MS", 1000, least=1) / 1000,
        ),
        operations=OperationsSettings(
            health_host=variables.get("HEALTH_HOST", "127.0.0.1"),
            health_port=read.whole("HEALTH_PORT", 0, least=0, most=65535) or None,
            log_level=read.one_of("LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR"),
            log_format=cast(LogFormat, read.one_of("LOG_FORMAT", "auto", "json", "text")),
        ),
        message_mapping=variables.get("MESSAGE_MAPPING"),
    )


def load_target_settings(variables: Mapping[str, str]) -> TargetSettings:
    """Return the settings of the target alone; raises as ``load_pipeline_settings``."""
    return _target(load_settings(variables), Variables(variables))


def load_kafka_settings(variables: Mapping[str, str]) -> KafkaSettings:
    """Return the settings of the broker alone, for commands that need nothing else.

    Raises:
        ConfigError: a variable has another form than expected.
    """
    read = Variables(variables)
    topic = read.topic("KAFKA_TOPIC", "customerio-events")
    dead_letter_topic = read.topic("KAFKA_DLQ_TOPIC", f"{topic}-dlq")
    if dead_letter_topic == topic:
        raise ConfigError(f"KAFKA_DLQ_TOPIC: expected another topic than KAFKA_TOPIC, got {topic!r} for both")
    session_timeout_ms = read.whole("KAFKA_SESSION_TIMEOUT_MS", 30_000, least=1000)
    return KafkaSettings(
        brokers=read.brokers("KAFKA_BROKERS", "localhost:9092"),
        topic=topic,
        dead_letter_topic=dead_letter_topic,
        group=variables.get("KAFKA_GROUP", "customerio-workers"),
        client_id=variables.get("KAFKA_CLIENT_ID", "customerio-worker"),
        session_timeout_ms=session_timeout_ms,
        # A worker learns of a rebalance by its next heartbeat, and the first to learn waits for the last.
        heartbeat_ms=read.whole(
            "KAFKA_HEARTBEAT_MS", min(1000, session_timeout_ms // 3), least=100, most=session_timeout_ms // 3
        ),
        instance_id=read.member_name("KAFKA_INSTANCE_ID"),
        security=_kafka_security(variables, read),
    )


def _target(settings: Settings, read: Variables) -> TargetSettings:
    api = cast(TrackApi, read.one_of("TRACK_API", "v2", "v1", "pipelines"))
    base_url = settings.base_url or TRACK_HOSTS[settings.region]
    if api == "pipelines":
        base_url = beside(base_url, Api.PIPELINES)
    # Live delivery is the pipeline's purpose, so it needs no permission. Plain http is refused even so.
    check_connection(base_url, allow_live=True)
    credentials = settings.credentials
    missing = "CUSTOMERIO_SITE_ID, CUSTOMERIO_API_KEY: not set; expected both"
    if api == "pipelines":
        credentials = None if settings.write_key is None else Credentials(settings.write_key, "")
        missing = "CUSTOMERIO_WRITE_KEY: not set; expected it with TRACK_API=pipelines"
    if credentials is None:
        if not is_loopback(base_url):
            raise ConfigError(
                f"{missing}, or CUSTOMERIO_BASE_URL with the address of a stand-in on this machine"
            )
        credentials = _ANY_CREDENTIALS
    return TargetSettings(base_url, credentials, settings.region, settings.ca_file, api)


def _kafka_security(variables: Mapping[str, str], read: Variables) -> KafkaSecurity:
    protocols = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
    protocol = cast(SecurityProtocol, read.one_of("KAFKA_SECURITY_PROTOCOL", *protocols))
    username, password = variables.get("KAFKA_USERNAME"), variables.get("KAFKA_PASSWORD")
    if protocol.startswith("SASL") and not (username and password):
        raise ConfigError(f"KAFKA_USERNAME, KAFKA_PASSWORD: expected both with {protocol}")
    mechanisms = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
    mechanism = cast(SaslMechanism, read.one_of("KAFKA_SASL_MECHANISM", *mechanisms))
    return KafkaSecurity(protocol, read.pem_file("KAFKA_CA_FILE"), mechanism, username, password)
