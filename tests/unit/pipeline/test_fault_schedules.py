"""The proof by random faults: its schedules are arithmetic, and its judge can say no."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.client import refusal
from pipeline.delivery.message import PoisonError, Stamp, parse_message
from tests.proofs.fault_judge import judge, unsettled
from tests.proofs.fault_schedules import (
    DOUBTS,
    FAULTS,
    KILLS,
    LONG_WAITS,
    TRUTHS,
    TURNS_AWAY,
    WHOLE_REFUSALS,
    Schedule,
    schedule,
)

STAMP = Stamp("01ARZ3NDEKTSV4RRFFQ69G5FAV", None, None)
SEEDS = st.integers(0, 10**9)
KNOWN = {*TRUTHS, *DOUBTS, *FAULTS, *WHOLE_REFUSALS, *TURNS_AWAY, *LONG_WAITS}


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_a_seed_makes_one_schedule_that_can_end(seed: int) -> None:
    plan = schedule(seed)
    assert plan == schedule(seed)
    assert plan.messages != schedule(seed + 1).messages
    assert [message.number for message in plan.messages] == list(range(len(plan.messages)))
    assert len(plan.steps) < 50
    for step in plan.steps:
        assert step.answer in KNOWN
        assert 0.0 <= step.share < 1.0
        assert step.seconds < 2.0
        if step.answer in LONG_WAITS:
            # Nothing but a kill ends these in time, and in a Redis they would outlive it.
            assert step.event in KILLS
            assert not plan.has_redis
        if plan.source == "file":
            assert step.event is None or step.event in KILLS or plan.has_redis


@settings(deadline=None, max_examples=30)
@given(SEEDS)
def test_a_message_is_what_its_fate_says(seed: int) -> None:
    plan = schedule(seed)
    assert len(plan.numbers("toxic")) <= 1
    for message in plan.messages:
        assert message.key.startswith(plan.prefix)
        if message.fate == "poison":
            with pytest.raises(PoisonError):
                parse_message(message.value, STAMP)
            continue
        operation = parse_message(message.value, STAMP)
        assert operation.lane == message.key
        assert (refusal(operation, plan.api) is not None) == (message.fate == "too_large")


def test_the_kinds_and_events_all_come_up() -> None:
    plans = [schedule(seed) for seed in range(1, 201)]
    assert {step.answer for plan in plans for step in plan.steps} == KNOWN
    sources = [plan.source for plan in plans]
    assert sources.count("broker") == 20
    events = {step.event for plan in plans for step in plan.steps} - {None}
    assert len(events) == 9
    assert {message.fate for plan in plans for message in plan.messages} == {
        *("good", "poison", "refused", "toxic", "too_large")
    }


# -- the judge ------------------------------------------------------------------------------------

PLAN = next(plan for plan in map(schedule, range(1, 100)) if len(plan.numbers("good")) < len(plan.messages))


def right_journal(plan: Schedule) -> list[dict[str, Any]]:
    return [
        {
            "operation": message.kind,
            "person": message.key,
            "event_id": f"id {message.number}" if message.kind == "event" else None,
            "attributes": (
                {"device_id": f"device {message.number}"}
                if message.kind == "add_device"
                else {"n": message.number}
            ),
        }
        for message in plan.messages
        if message.fate == "good"
    ]


def right_letters(plan: Schedule) -> list[bytes | None]:
    return [message.value for message in plan.messages if message.fate != "good"]


def test_the_judge_finds_nothing_in_a_run_that_was_right() -> None:
    journal = right_journal(PLAN)
    harmless: dict[str, Any] = {
        "operation": "identify",
        "person": PLAN.messages[0].key,
        "event_id": None,
        "attributes": {},
    }
    stranger = {**journal[0], "person": "somebody else"}
    assert judge(PLAN, [harmless, stranger, *journal, *journal], right_letters(PLAN)) == []
    assert unsettled(PLAN, range(len(PLAN.messages)), journal, right_letters(PLAN)) == []


def first(journal: list[dict[str, Any]], operation: str) -> int:
    return next(at for at, entry in enumerate(journal) if entry["operation"] == operation)


def lose(journal: list[dict[str, Any]]) -> None:
    del journal[3]


def swap(journal: list[dict[str, Any]]) -> None:
    """Exchange two messages of one person."""
    here = next(a for a in range(len(journal)) if later_of_same(journal, a) is not None)
    there = later_of_same(journal, here)
    assert there is not None
    journal[here], journal[there] = journal[there], journal[here]


def later_of_same(journal: list[dict[str, Any]], at: int) -> int | None:
    others = range(at + 1, len(journal))
    return next((other for other in others if journal[other]["person"] == journal[at]["person"]), None)


def double(journal: list[dict[str, Any]]) -> None:
    journal.append({**journal[first(journal, "event")], "event_id": "another"})


def mistake(journal: list[dict[str, Any]]) -> None:
    journal[0] = {**journal[0], "person": f"{PLAN.prefix}another"}


def repeat_an_old_identify(journal: list[dict[str, Any]]) -> None:
    people = [entry["person"] for entry in journal if entry["operation"] == "identify"]
    person = next(person for person in people if people.count(person) > 1)
    journal.append(next(e for e in journal if (e["operation"], e["person"]) == ("identify", person)))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lose, "lost: "),
        (swap, "out of order: "),
        (double, "another id"),
        (mistake, "to another person"),
        (repeat_an_old_identify, "ends as of"),
    ],
)
def test_the_judge_says_no_to_a_spoilt_journal(
    spoil: Callable[[list[dict[str, Any]]], None], said: str
) -> None:
    journal = right_journal(PLAN)
    spoil(journal)
    wrong = judge(PLAN, journal, right_letters(PLAN))
    assert [line for line in wrong if said in line], wrong


def test_the_judge_says_no_to_wrong_dead_letters() -> None:
    journal, letters = right_journal(PLAN), right_letters(PLAN)
    good = next(message.value for message in PLAN.messages if message.fate == "good")
    for spoilt, said in [
        (letters[1:], "without a dead letter"),
        ([*letters, good], "and to be delivered"),
        ([*letters, b"of nobody"], "1 dead letters of no message"),
        ([*letters, letters[0]], "twice"),
    ]:
        [line] = judge(dataclasses.replace(PLAN, source="file"), journal, spoilt)
        assert said in line
    # After a redelivery a topic may have one twice.
    assert judge(dataclasses.replace(PLAN, source="broker"), journal, [*letters, letters[0]]) == []
    refused = json.loads(json.dumps(journal[0]))
    refused["attributes"] = {"n": min(PLAN.numbers("poison", "refused", "too_large", "toxic"))}
    assert any("to be a dead letter" in line for line in judge(PLAN, [*journal, refused], letters))


def test_the_judge_says_no_to_a_position_beyond_what_is_settled() -> None:
    journal, letters = right_journal(PLAN), right_letters(PLAN)
    assert unsettled(PLAN, range(10), journal[:2], letters)
    assert unsettled(PLAN, range(len(PLAN.messages)), journal, letters[1:])
