"""The compose file's profile ``pipeline``, as docker-compose itself reads it. No engine is needed."""

from __future__ import annotations

import os
import re
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.settings import PipelineSettings, load_pipeline_settings
from tests.programs.compose_file import compose_config

ROOT = Path(__file__).resolve().parents[3]
SERVICES = ("pipeline-worker", "kafka", "kafka-topics", "redis")
RAW: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
pipeline_config = partial(compose_config, profile="pipeline")


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return pipeline_config(tmp_path_factory.mktemp("compose"))


@pytest.fixture(scope="module")
def services(composed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = composed["services"]
    return found


@pytest.fixture(scope="module")
def settings(services: dict[str, Any]) -> PipelineSettings:
    """A worker's settings, read as the worker reads them."""
    return load_pipeline_settings(services["pipeline-worker"]["environment"])


def needed(services: dict[str, Any], name: str) -> set[str]:
    """A service and all that it waits for."""
    others = services[name].get("depends_on", {})
    return {name}.union(*(needed(services, other) for other in others))


def topics_made(services: dict[str, Any]) -> list[list[str]]:
    """Runs the script of the one-shot with a stub in place of Kafka's command; its arguments, per call."""
    one_shot = services["kafka-topics"]
    program, options, script = one_shot["entrypoint"]
    # What is a dollar for the shell is doubled for Compose.
    script = script.replace("$$", "$").replace("/opt/kafka/bin/kafka-topics.sh", "show")
    finished = subprocess.run(
        [program, options, f'show() {{ echo "$@"; }}; {script}'],
        env={"PATH": os.environ["PATH"], **one_shot["environment"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split() for line in finished.stdout.splitlines()]


def test_without_the_profile_nothing_of_it_is_started(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if service.get("profiles") == ["pipeline"]} == set(
        SERVICES
    )
    for name in services.keys() - set(SERVICES):
        assert not needed(services, name) & set(SERVICES), name


def test_a_worker_brings_up_what_it_needs_and_no_load_test(services: dict[str, Any]) -> None:
    assert needed(services, "pipeline-worker") == {*SERVICES, "standin"}


def test_nobody_starts_before_what_it_needs_is_ready(services: dict[str, Any]) -> None:
    conditions = {
        name: {
            other: dependency["condition"]
            for other, dependency in services[name].get("depends_on", {}).items()
        }
        for name in SERVICES
    }
    assert conditions == {
        "pipeline-worker": {
            "kafka-topics": "service_completed_successfully",
            "redis": "service_healthy",
            "standin": "service_healthy",
        },
        "kafka-topics": {"kafka": "service_healthy"},
        "kafka": {},
        "redis": {},
    }
    for name in ("pipeline-worker", "kafka", "redis"):
        assert services[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_held_to_what_it_needs(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "cap_add" not in service
    assert not service.get("privileged")
    assert "/tmp" in service["tmpfs"]  # noqa: S108 - in the container
    # Nobody outside of the network reaches it: Kafka and Redis ask for no password.
    assert "ports" not in service
    assert "network_mode" not in service
    assert service.get("user", "image").partition(":")[0] != "0"


def test_there_are_three_workers_unless_told_otherwise(services: dict[str, Any], tmp_path: Path) -> None:
    assert services["pipeline-worker"]["scale"] == 3
    assert pipeline_config(tmp_path, PIPELINE_WORKERS="5")["services"]["pipeline-worker"]["scale"] == 5


def test_the_workers_have_room_for_those_that_replace_them(
    services: dict[str, Any], settings: PipelineSettings
) -> None:
    assert services["pipeline-worker"]["scale"] + 2 <= settings.limit.max_processes


def test_workers_deliver_to_the_stand_in_over_the_compose_files_kafka_and_redis(
    services: dict[str, Any], settings: PipelineSettings
) -> None:
    assert settings.target.base_url == "http://standin:8080"
    assert settings.kafka.brokers == "kafka:9092"
    assert services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://kafka:9092"
    assert settings.limit.redis_url == "redis://redis:6379/0"


@pytest.mark.parametrize("where", ["shell", ".env"])
def test_a_file_of_ones_own_replaces_the_target_and_not_the_brokers(tmp_path: Path, where: str) -> None:
    dotenv = (
        "CUSTOMERIO_SITE_ID=mine\nCUSTOMERIO_API_KEY=hush\nCUSTOMERIO_BASE_URL=\n"
        "KAFKA_BROKERS=localhost:9092\nREDIS_URL=redis://localhost\nHEALTH_HOST=0.0.0.0\n"
    )
    if where == "shell":
        services = pipeline_config(tmp_path, dotenv=dotenv, PIPELINE_ENV_FILE=".env")["services"]
    else:
        services = pipeline_config(tmp_path, dotenv=dotenv + "PIPELINE_ENV_FILE=.env\n")["services"]
    environment = services["pipeline-worker"]["environment"]
    assert (environment["CUSTOMERIO_SITE_ID"], environment["CUSTOMERIO_API_KEY"]) == ("mine", "hush")
    assert not environment["CUSTOMERIO_BASE_URL"]
    assert environment["KAFKA_BROKERS"] == "kafka:9092"
    assert environment["REDIS_URL"] == "redis://redis:6379/0"
    assert environment["HEALTH_HOST"] == "127.0.0.1"
    assert "hush" not in str([service for name, service in services.items() if name != "pipeline-worker"])


def test_a_dotenv_file_alone_changes_no_target(tmp_path: Path) -> None:
    dotenv = "CUSTOMERIO_SITE_ID=mine\nCUSTOMERIO_API_KEY=hush\n"
    assert "hush" not in str(pipeline_config(tmp_path, dotenv=dotenv))


def test_the_topics_are_made_as_the_workers_expect_them(
    services: dict[str, Any], settings: PipelineSettings
) -> None:
    events, dead_letters = topics_made(services)
    for command in (events, dead_letters):
        assert command[:4] == ["--bootstrap-server", settings.kafka.brokers, "--create", "--if-not-exists"]
        assert command[command.index("--replication-factor") + 1] == "1"
    assert events[events.index("--topic") + 1] == settings.kafka.topic == "customerio-events"
    assert events[events.index("--partitions") + 1] == "24"
    assert dead_letters[dead_letters.index("--topic") + 1] == settings.kafka.dead_letter_topic
    # Kafka would drop them after a week, whether or not somebody has looked at them; and they have headers
    # on top of what the largest message holds.
    assert dead_letters[-4:] == ["--config", "retention.ms=-1", "--config", "max.message.bytes=2097152"]


def test_other_topics_are_the_same_for_workers_and_for_the_one_that_makes_them(tmp_path: Path) -> None:
    services = pipeline_config(tmp_path, KAFKA_TOPIC="mine", KAFKA_DLQ_TOPIC="mine-dead")["services"]
    assert [command[command.index("--topic") + 1] for command in topics_made(services)] == [
        "mine",
        "mine-dead",
    ]
    kafka = load_pipeline_settings(services["pipeline-worker"]["environment"]).kafka
    assert (kafka.topic, kafka.dead_letter_topic) == ("mine", "mine-dead")


def test_kafka_is_one_node_without_zookeeper_that_keeps_its_messages(composed: dict[str, Any]) -> None:
    kafka = composed["services"]["kafka"]
    environment = kafka["environment"]
    assert environment["KAFKA_PROCESS_ROLES"] == "broker,controller"
    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert {value for name, value in environment.items() if name.endswith("REPLICATION_FACTOR")} == {"1"}
    assert f"kafka-data:{environment['KAFKA_LOG_DIRS']}" in str(kafka["volumes"])
    assert "kafka-data" in composed["volumes"]


def test_a_worker_is_given_longer_to_end_than_it_needs(services: dict[str, Any]) -> None:
    assert services["pipeline-worker"]["stop_grace_period"] == "20s"


def test_a_worker_is_healthy_when_it_says_that_it_is_ready(
    services: dict[str, Any], settings: PipelineSettings
) -> None:
    (*_, check) = services["pipeline-worker"]["healthcheck"]["test"]
    assert f"/dev/tcp/127.0.0.1/{settings.operations.health_port} " in check
    assert "GET /readyz " in check


def test_the_image_is_the_pipelines(services: dict[str, Any]) -> None:
    worker = services["pipeline-worker"]
    assert worker["build"]["target"] == "pipeline"
    assert worker["image"] != services["standin"]["image"]
    assert worker["build"]["args"] == services["standin"]["build"]["args"]
    # The image's own entry point is the worker.
    assert not worker.get("entrypoint")
    assert not worker.get("command")


def test_images_are_pinned_and_can_be_others(services: dict[str, Any]) -> None:
    assert re.fullmatch(r"apache/kafka:4\.\d+\.\d+", services["kafka"]["image"])
    assert services["kafka-topics"]["image"] == services["kafka"]["image"]
    assert re.fullmatch(r"redis:8\.\d+-alpine", services["redis"]["image"])
    for name, variable in {"kafka": "KAFKA", "kafka-topics": "KAFKA", "redis": "REDIS"}.items():
        assert RAW[name]["image"].startswith(f"${{{variable}_IMAGE:-")
