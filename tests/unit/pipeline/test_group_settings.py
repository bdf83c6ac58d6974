"""How a worker takes part in its group, as its variables say."""

from __future__ import annotations

import pytest

from config.errors import ConfigError
from pipeline.settings import load_kafka_settings


def test_a_worker_is_a_static_member_if_it_has_a_name_of_its_own() -> None:
    assert load_kafka_settings({}).instance_id is None
    assert (
        load_kafka_settings({"KAFKA_INSTANCE_ID": "customerio-worker-0"}).instance_id == "customerio-worker-0"
    )


@pytest.mark.parametrize("name", ["a b", "ä", "x" * 250])
def test_another_name_is_a_mistake(name: str) -> None:
    with pytest.raises(ConfigError, match="KAFKA_INSTANCE_ID: expected letters, digits"):
        load_kafka_settings({"KAFKA_INSTANCE_ID": name})


@pytest.mark.parametrize(("session_timeout_ms", "heartbeat_ms"), [(30_000, 1000), (3000, 1000), (1500, 500)])
def test_a_worker_learns_of_a_rebalance_within_a_second(session_timeout_ms: int, heartbeat_ms: int) -> None:
    variables = {"KAFKA_SESSION_TIMEOUT_MS": str(session_timeout_ms)}
    assert load_kafka_settings(variables).heartbeat_ms == heartbeat_ms
