"""The seal: what was signed with the key for this session and this worker passes, once; nothing else does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from engine.cluster.seal import MessageError, OtherSessionError, Seal

KEY = "a shared secret of some length"
BODY = {"wire": 1, "run_id": "r1", "values": [1, 2.5, None, b"\x00", "Zoë"]}


def pair(worker_key: str = KEY) -> tuple[Seal, Seal]:
    """Return the seals of a master and of a worker that have met."""
    master, worker = Seal(KEY), Seal(worker_key)
    master.begin_session()
    worker.adopt_session("w_1", "challenge", master.sign("master", "w_1", "challenge", {}))
    return master, worker


def test_without_a_key_messages_stay_as_they_are_and_everybody_is_trusted() -> None:
    seal = Seal(None)
    assert seal.sign("worker", "w_1", "report", BODY) is BODY
    assert seal.check("worker", "w_1", "report", BODY) is BODY
    assert seal.trusts("w_1")
    assert not seal.has_key


def test_a_short_key_is_no_secret() -> None:
    with pytest.raises(ConfigError, match="LOAD_TEST_CLUSTER_KEY: expected at least 16 characters") as caught:
        Seal("hush")
    assert "hush" not in str(caught.value)


def test_what_either_side_signs_the_other_reads() -> None:
    master, worker = pair()
    assert not master.trusts("w_1")
    assert master.check("worker", "w_1", "report", worker.sign("worker", "w_1", "report", BODY)) == BODY
    assert master.trusts("w_1")
    assert worker.trusts("w_1")
    assert worker.check("master", "w_1", "beat", master.sign("master", "w_1", "beat", BODY)) == BODY


def test_a_message_passes_once_and_not_behind_a_later_one() -> None:
    master, worker = pair()
    first, second = (worker.sign("worker", "w_1", "report", BODY) for _ in range(2))
    master.check("worker", "w_1", "report", second)
    for again in (first, second):
        with pytest.raises(MessageError, match="been here before"):
            master.check("worker", "w_1", "report", again)


@pytest.mark.parametrize(
    ("sender", "worker_id", "kind"),
    [("master", "w_1", "report"), ("worker", "w_2", "report"), ("worker", "w_1", "stop")],
)
def test_a_message_is_of_no_use_elsewhere(sender: Any, worker_id: str, kind: str) -> None:
    master, worker = pair()
    signed = worker.sign("worker", "w_1", "report", BODY)
    with pytest.raises(MessageError, match="another key"):
        master.check(sender, worker_id, kind, signed)
    assert not master.trusts(worker_id)


def test_a_message_of_another_session_is_of_no_use_to_this_master() -> None:
    _, worker = pair()
    recorded = worker.sign("worker", "w_1", "hello", BODY)
    later = Seal(KEY)
    later.begin_session()
    with pytest.raises(OtherSessionError):
        later.check("worker", "w_1", "hello", recorded)
    assert not later.trusts("w_1")


def test_a_worker_that_knows_no_session_yet_is_told_from_a_stranger() -> None:
    master = Seal(KEY)
    master.begin_session()
    with pytest.raises(OtherSessionError):
        master.check("worker", "w_1", "hello", Seal(KEY).sign("worker", "w_1", "hello", BODY))
    with pytest.raises(MessageError, match="another key"):
        master.check("worker", "w_1", "hello", Seal(KEY + "!").sign("worker", "w_1", "hello", BODY))
    with pytest.raises(MessageError, match="not signed; expected the same LOAD_TEST_CLUSTER_KEY"):
        master.check("worker", "w_1", "hello", BODY)


def test_a_challenge_that_is_not_the_masters_changes_no_session() -> None:
    master, worker = pair()
    stranger = Seal("another secret of some length")
    stranger.begin_session()
    with pytest.raises(MessageError):
        worker.adopt_session("w_1", "challenge", stranger.sign("master", "w_1", "challenge", {}))
    assert master.check("worker", "w_1", "report", worker.sign("worker", "w_1", "report", BODY)) == BODY


@given(
    st.dictionaries(
        st.sampled_from(["session", "number", "body", "mac", "x"]),
        st.none() | st.integers() | st.text() | st.binary() | st.lists(st.integers()),
    )
    | st.none()
    | st.text()
)
def test_whatever_comes_it_is_refused_in_words(data: Any) -> None:
    master, _ = pair()
    with pytest.raises(MessageError):
        master.check("worker", "w_1", "report", data)


@given(st.sampled_from(["session", "number", "body", "mac"]), st.integers(0, 200))
def test_a_changed_message_is_refused(part: str, position: int) -> None:
    master, worker = pair()
    signed = worker.sign("worker", "w_1", "report", BODY)
    value = signed[part]
    if isinstance(value, int):
        signed[part] = value + 1
    elif isinstance(value, str):
        signed[part] = value[:-1]
    else:
        place = position % len(value)
        signed[part] = value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
    with pytest.raises(MessageError, match="another key"):
        master.check("worker", "w_1", "report", signed)
