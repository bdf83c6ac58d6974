"""Locust's own messages: those that its handlers can take pass, and no others."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment
from locust.rpc import Message
from locust.stats import RequestStats, StatsEntry

from engine.locust_messages import is_from_master, is_from_worker

STATS = RequestStats()
STATS.log_request("GET", "/x", 12, 34)
STATS.log_error("GET", "/x", ValueError("no"))
REPORT = {
    "stats": STATS.serialize_stats(),
    "stats_total": STATS.total.serialize(),
    "errors": STATS.serialize_errors(),
    "user_classes_count": {"A": 1},
    "user_count": 1,
}
HEARTBEAT = {"state": "running", "current_cpu_usage": 1.5, "current_memory_usage": 100}
SPAWN = {
    "timestamp": 1.5,
    "user_classes_count": {"A": 1},
    "host": None,
    "stop_timeout": 0.0,
    "parsed_options": {"headless": True},
}


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("client_ready", "2.47.0"),
        ("client_ready", -1),
        ("heartbeat", HEARTBEAT),
        ("stats", REPORT),
        ("spawning", None),
        ("spawning_complete", {"user_classes_count": {"A": 2}, "user_count": 2}),
        ("client_stopped", None),
        ("quit", None),
        ("exception", {"msg": "m", "traceback": "t"}),
        ("logs", {"worker_id": "w", "logs": ["line"]}),
        ("load_test_counts", "is looked at by its receiver"),
    ],
)
def test_what_workers_send_passes(kind: str, data: object) -> None:
    assert is_from_worker(Message(kind, data, "w_1"))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("client_ready", 7),
        ("client_ready", ""),
        ("heartbeat", None),
        ("heartbeat", 7),
        ("heartbeat", {**HEARTBEAT, "state": "flying"}),
        ("heartbeat", {**HEARTBEAT, "state": []}),
        ("heartbeat", {**HEARTBEAT, "current_cpu_usage": "much"}),
        ("heartbeat", {**HEARTBEAT, "current_cpu_usage": math.nan}),
        ("stats", {}),
        ("stats", {**REPORT, "user_classes_count": {"A": "one"}}),
        ("stats", {**REPORT, "user_classes_count": {"A": -1}}),
        ("stats", {**REPORT, "stats": [{"name": "x"}]}),
        ("stats", {**REPORT, "stats": 5}),
        ("stats", {**REPORT, "stats_total": {**STATS.total.serialize(), "num_requests": "many"}}),
        ("stats", {**REPORT, "stats_total": {**STATS.total.serialize(), "total_response_time": math.nan}}),
        ("stats", {**REPORT, "errors": {"k": {"method": "GET"}}}),
        ("stats", {**REPORT, "errors": {"k": {"method": "", "name": "", "error": "", "occurrences": "x"}}}),
        ("spawning_complete", None),
        ("spawning_complete", {"user_classes_count": [1]}),
        ("exception", "text"),
        ("exception", {"msg": 1, "traceback": 2}),
        ("logs", {"worker_id": "w", "logs": [1]}),
        ("locustfile", None),
    ],
)
def test_what_no_master_can_take_is_refused(kind: str, data: object) -> None:
    assert not is_from_worker(Message(kind, data, "w_1"))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("ack", {"index": 3}),
        ("ack", None),
        ("spawn", SPAWN),
        ("stop", None),
        ("quit", None),
        ("heartbeat", None),
        ("reconnect", None),
        ("spawning_complete", {"user_count": 3}),
    ],
)
def test_what_masters_send_passes(kind: str, data: object) -> None:
    assert is_from_master(Message(kind, data, "m"))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("update_user_class", {"user_class_name": "IdentifyUser", "host": "http://127.0.0.1:1"}),
        ("ack", 7),
        ("ack", {"index": "first"}),
        ("spawn", None),
        ("spawn", {**SPAWN, "timestamp": "now"}),
        ("spawn", {**SPAWN, "timestamp": math.inf}),
        ("spawn", {**SPAWN, "user_classes_count": {1: 2}}),
        ("spawn", {**SPAWN, "parsed_options": [1]}),
        ("spawn", {**SPAWN, "host": 7}),
        ("spawn", {**SPAWN, "stop_timeout": "long"}),
        ("spawning_complete", {"user_count": "all"}),
    ],
)
def test_what_no_worker_can_take_is_refused(kind: str, data: object) -> None:
    assert not is_from_master(Message(kind, data, "m"))


@given(
    st.sampled_from(["heartbeat", "stats", "logs", "exception", "spawning_complete", "locustfile"]),
    st.none() | st.integers() | st.text() | st.lists(st.integers()) | st.dictionaries(st.text(), st.floats()),
)
def test_whatever_comes_nothing_is_raised(kind: str, data: object) -> None:
    assert not is_from_worker(Message(kind, data, "w"))


def test_looking_at_a_report_leaves_statistics_alone() -> None:
    environment = Environment()
    before = environment.stats.total.serialize()
    assert is_from_worker(Message("stats", REPORT, "w"))
    assert environment.stats.total.serialize() == before
    assert isinstance(environment.stats.total, StatsEntry)
