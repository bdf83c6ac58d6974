"""A headless run starts without what it does not use: each was a good part of its start and its memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What Locust does with the locustfile, and then with a headless process that has VUs of its own.
SCRIPT = """
import sys
import locust.main
from engine.launch import user_classes
user_classes()
print(*sys.modules)
import engine.start, engine.local_process
print(*sys.modules)
"""
OPTIONAL = {"faker", "pygal", "prometheus_client", "opentelemetry", "engine.worker", "engine.worker_fleet"}


@pytest.fixture(scope="module")
def loaded() -> list[set[str]]:
    """Return the modules loaded when Locust has the locustfile, and when the session is made."""
    printed = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return [set(line.split()) for line in printed.splitlines()]


def test_before_the_stand_in_is_started_little_is_loaded(loaded: list[set[str]]) -> None:
    """The stand-in comes up while the rest is loaded, so what is loaded before delays the first arrival."""
    assert "users.identify" in loaded[0]
    assert loaded[0] & {*OPTIONAL, "pydantic", "rich", "engine.session", "run.run"} == set()


def test_a_headless_run_loads_neither_charts_nor_other_outputs_nor_workers(loaded: list[set[str]]) -> None:
    assert {"pydantic", "engine.session", "run.local_vus"} <= loaded[1]
    assert loaded[1] & {*OPTIONAL, "engine.cluster.messages"} == set()
