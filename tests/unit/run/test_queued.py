"""The parts of a run's queue: which settings it refuses, and where each message is."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from config.queue_message import encode_message, identify_message, track_message
from config.settings import load_settings
from run.arguments import Arguments
from run.preparation import Preparation, prepare
from run.queued.acceptances import Acceptances
from run.queued.file_queue import id_of_letter, id_of_value
from run.queued.opening import check_queue
from run.queued.sent_messages import SentMessages
from users.identify import IdentifyUser
from users.kinds import Kinds
from users.message_queue import ID_ATTRIBUTE, QueuedMessage
from users.queued import QueuedUser
from users.track import TrackUser


def prepared(tmp_path: Path, profile: str = "queued", **settings: str) -> Preparation:
    arguments = Arguments(profile, 1.0, tmp_path, allow_live=False, people_seed=0)
    users = [IdentifyUser, TrackUser, QueuedUser]
    return prepare(arguments, load_settings(settings), None, Kinds(users, users))


def test_only_a_run_that_uses_the_queue_is_checked(tmp_path: Path) -> None:
    check_queue(prepared(tmp_path, "smoke"), {"KAFKA_BROKERS": "elsewhere:9092"}, has_workers=True)
    check_queue(prepared(tmp_path), {"KAFKA_BROKERS": "127.0.0.1:9092, localhost:9093"}, has_workers=False)
    check_queue(prepared(tmp_path), {}, has_workers=False)


def test_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected one process"):
        check_queue(prepared(tmp_path), {}, has_workers=True)


def test_a_broker_elsewhere_needs_the_permission_for_a_live_target(tmp_path: Path) -> None:
    brokers = {"KAFKA_BROKERS": "127.0.0.1:9092,kafka.example:9092"}
    preparation = prepared(tmp_path)
    with pytest.raises(ConfigError, match=r"KAFKA_BROKERS: 'kafka.example:9092' .* expected --allow-live"):
        check_queue(preparation, brokers, has_workers=False)
    allowed = replace(preparation, arguments=replace(preparation.arguments, allow_live=True))
    check_queue(allowed, brokers, has_workers=False)


def test_a_live_workspace_is_no_target(tmp_path: Path) -> None:
    preparation = prepared(tmp_path)
    live = replace(preparation.target, base_url="https://track.customer.io")
    with pytest.raises(ConfigError, match="expected a stand-in as the target"):
        check_queue(replace(preparation, target=live), {}, has_workers=False)


def test_missing_packages_are_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preparation, found = prepared(tmp_path), importlib.util.find_spec

    def find(name: str, package: str | None = None) -> Any:
        return None if name == "aiokafka" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    with pytest.raises(
        ConfigError, match=r"missing \(aiokafka\); expected pip install 'customerio-load\[pipeline\]'"
    ):
        check_queue(preparation, {}, has_workers=False)


def sent(*ids: str) -> SentMessages:
    messages = SentMessages()
    for number, message_id in enumerate(ids):
        messages.begin(QueuedMessage(message_id, "a", float(number), b""))
    return messages


def test_a_message_has_one_result() -> None:
    messages = sent("a", "b", "c", "d")
    assert messages.accept("b", 11.5) == ("a", 10.5)
    assert messages.accept("b", 12.0) is None
    assert messages.bury("c")
    assert not messages.bury("b")
    assert (messages.delivered, messages.dead_letters, messages.repeated, messages.open) == (1, 1, 1, 2)
    assert messages.oldest == 0.0
    messages.accept("a", 13.0)
    assert messages.oldest == 3.0
    messages.accept("d", 13.0)
    assert messages.oldest is None


def test_a_message_that_was_not_acknowledged_may_be_delivered_all_the_same() -> None:
    messages = sent("a", "b")
    messages.fail("a")
    messages.fail("b")
    assert (messages.open, messages.not_produced) == (0, 2)
    assert messages.accept("a", 2.0) == ("a", 2.0)
    assert (messages.delivered, messages.not_produced) == (1, 1)


def test_a_message_delivered_before_its_acknowledgement_failed_is_delivered() -> None:
    messages = sent("a")
    messages.accept("a", 1.0)
    messages.fail("a")
    assert (messages.delivered, messages.not_produced) == (1, 0)


def test_the_id_of_a_message_is_found_in_both_kinds_and_in_a_dead_letter() -> None:
    marks = {ID_ATTRIBUTE: "run/a/1"}
    for content in (identify_message("ada", marks), track_message("ada", "bought", marks)):
        value = encode_message(content)
        assert id_of_value(value) == "run/a/1"
        assert id_of_letter(encode_message({"cause": "refused", "value": value.decode()})) == "run/a/1"


@pytest.mark.parametrize("value", [b"", b"[]", b'{"payload": 1}', b'{"payload": {"properties": 2}}'], ids=str)
def test_what_has_no_id_is_no_message_of_a_load_test(value: bytes) -> None:
    assert id_of_value(value) is None


@pytest.mark.parametrize(
    ("base_url", "theirs", "offset", "error"),
    [
        # One clock: the reading lies between ours, and nothing is corrected.
        ("http://127.0.0.1:8080", 100.0004, 0.0, 0.0),
        # A loopback address that leads to another machine, by a tunnel.
        ("http://127.0.0.1:8080", 5000.0, 4899.9995, 0.0005),
        ("http://standin.example", 100.0004, -0.0001, 0.0005),
    ],
    ids=["this machine", "a tunnel", "another machine"],
)
def test_an_instant_is_put_on_our_clock(base_url: str, theirs: float, offset: float, error: float) -> None:
    acceptances = Acceptances(base_url, None)
    acceptances.note_exchange(100.0, theirs, 100.001)
    assert acceptances.offset_seconds == pytest.approx(offset)
    assert acceptances.clock_error_seconds == pytest.approx(error)
    acceptances.close()
