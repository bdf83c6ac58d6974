"""The pipeline's settings, from the environment and from a ``.env`` file behind it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from config.customerio.hosts import TRACK_HOSTS, check_connection, is_loopback
from config.errors import ConfigError
from config.settings import Credentials, Settings, load_settings, read_environment
from pipeline.variables import Variables

TrackApi = Literal["v1", "v2"]
WithoutRedis = Literal["share", "wait"]
# auto: text on a terminal, JSON elsewhere.
LogFormat = Literal["auto", "json", "text"]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

# A stand-in takes any credentials; on loopback none need be set.
_ANY_CREDENTIALS = Credentials("local", "local")


@dataclass(frozen=True)
class TargetSettings:
    """Where Customer.io is, how to sign in, and which of its two APIs is used."""

    base_url: str
    credentials: Credentials
    ca_file: str | None
    api: TrackApi

    @property
    def workspace(self) -> str:
        """Tells workspaces apart, and nothing about them."""
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
    """The broker, the topics, and how the worker takes part in its group."""

    brokers: str
    topic: str
    dead_letter_topic: str
    group: str
    client_id: str
    session_timeout_ms: int
    heartbeat_ms: int
    security: KafkaSecurity = KafkaSecurity()


@dataclass(frozen=True)
class LimitSettings:
    """The rate limit, and who shares it."""

    requests: int
    window_seconds: float
    concurrency: int
    min_gap_seconds: float
    redis_url: str | None
    max_processes: int
    without_redis: WithoutRedis


@dataclass(frozen=True)
class BatchSettings:
    """Operations in a batch, how long the first waits for the others, and batches at once."""

    items: int
    wait_seconds: float
    concurrency: int


@dataclass(frozen=True)
class OperationsSettings:
    """Where the health page listens (port ``None``: nowhere), and how logs are written."""

    health_host: str
    health_port: int | None
    log_level: str
    log_format: LogFormat


@dataclass(frozen=True)
class PipelineSettings:
    target: TargetSettings
    kafka: KafkaSettings
    limit: LimitSettings
    batch: BatchSettings
    operations: OperationsSettings


def pipeline_environment() -> dict[str, str]:
    """The environment's variables over those of ``.env`` here, or of the file that PIPELINE_ENV_FILE names.

    Raises:
        ConfigError: the file can't be read, or the one that was named does not exist.
    """
    named = os.environ.get("PIPELINE_ENV_FILE")
    if named and not Path(named).exists():
        raise ConfigError(f"PIPELINE_ENV_FILE: expected the path of a file, got {named!r}")
    return read_environment(os.environ, Path(named or ".env"))


def load_pipeline_settings(variables: Mapping[str, str]) -> PipelineSettings:
    """Settings from variables as ``.env.example`` names them.

    Raises:
        ConfigError: a variable is not of its form, no credentials are set for a host that asks for them, or
            a live host is to be reached over plain http.
    """
    read = Variables(variables)
    return PipelineSettings(
        target=_target(load_settings(variables), read),
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
        operations=OperationsSettings(
            health_host=variables.get("HEALTH_HOST", "127.0.0.1"),
            health_port=read.whole("HEALTH_PORT", 0, least=0, most=65535) or None,
            log_level=read.one_of("LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR"),
            log_format=cast(LogFormat, read.one_of("LOG_FORMAT", "auto", "json", "text")),
        ),
    )


def load_kafka_settings(variables: Mapping[str, str]) -> KafkaSettings:
    """The part that commands need which speak to the broker alone.

    Raises:
        ConfigError: a variable is not of its form.
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
        heartbeat_ms=read.whole(
            "KAFKA_HEARTBEAT_MS", min(3000, session_timeout_ms // 3), least=100, most=session_timeout_ms // 3
        ),
        security=_kafka_security(variables, read),
    )


def _target(settings: Settings, read: Variables) -> TargetSettings:
    base_url = settings.base_url or TRACK_HOSTS[settings.region]
    # Live delivery is what the pipeline is for; plain http would show the credentials to whoever listens.
    check_connection(base_url, allow_live=True)
    credentials = settings.credentials
    if credentials is None:
        if not is_loopback(base_url):
            raise ConfigError(
                "CUSTOMERIO_SITE_ID, CUSTOMERIO_API_KEY: not set; expected both, "
                "or CUSTOMERIO_BASE_URL with the address of a stand-in on this machine"
            )
        credentials = _ANY_CREDENTIALS
    api = cast(TrackApi, read.one_of("TRACK_API", "v2", "v1"))
    return TargetSettings(base_url, credentials, settings.ca_file, api)


def _kafka_security(variables: Mapping[str, str], read: Variables) -> KafkaSecurity:
    protocols = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
    protocol = cast(SecurityProtocol, read.one_of("KAFKA_SECURITY_PROTOCOL", *protocols))
    username, password = variables.get("KAFKA_USERNAME"), variables.get("KAFKA_PASSWORD")
    if protocol.startswith("SASL") and not (username and password):
        raise ConfigError(f"KAFKA_USERNAME, KAFKA_PASSWORD: expected both with {protocol}")
    mechanisms = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
    mechanism = cast(SaslMechanism, read.one_of("KAFKA_SASL_MECHANISM", *mechanisms))
    return KafkaSecurity(protocol, read.pem_file("KAFKA_CA_FILE"), mechanism, username, password)
