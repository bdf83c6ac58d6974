"""Keeps the two worlds of tests apart, and speed out of them."""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, settings

from tests.worlds import World, world_of

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse to run tests of both worlds in one process."""
    worlds = {world_of(item.path) for item in items}
    if len(worlds) > 1:
        raise pytest.UsageError(
            "tests of Locust's world and others need a process each; expected: scripts/run-tests.sh"
        )


@pytest.fixture(autouse=True)
def _plain_tests_stay_plain(request: pytest.FixtureRequest) -> None:
    """Whatever was collected or ran before: Locust is not in a process that it must not patch."""
    if world_of(request.path) is World.PLAIN:
        assert not {"gevent", "locust"} & sys.modules.keys()
