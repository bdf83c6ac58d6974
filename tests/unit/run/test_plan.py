"""The plan: what a run will do, in figures that people decide by."""

from __future__ import annotations

import pytest

from config.profile import Profile, load_profile
from config.scenario_options import RampingArrivalRate
from run.plan import Plan, plan_of
from users.kinds import shipped_kinds


def plan(profile: Profile) -> Plan:
    kinds = {user_class.kind: user_class for user_class in shipped_kinds().values()}
    return plan_of(profile, {name: kinds[scenario.user] for name, scenario in profile.scenarios.items()})


def test_the_plan_of_the_default_profile() -> None:
    planned = plan(load_profile("ramping-rate"))
    assert planned.describe() == "2 scenarios, 9m, 87600 requests, peak 200/s, up to 43800 people"
    assert [line.split(" of ")[0] for line in planned.against_limits()] == [
        "peak 200/s is 20%",
        "peak 200/s is 200%",
    ]


def test_the_peak_is_that_of_rates_that_come_together_and_sees_both_sides_of_a_jump() -> None:
    profile = load_profile("ramping-rate")
    spike = RampingArrivalRate.model_validate(
        {
            "executor": "ramping-arrival-rate",
            "user": "identify",
            "pre_allocated_vus": 1,
            "stages": [
                {"target": 30, "duration": "10s"},
                {"target": 0, "duration": "0s"},
                {"target": 5, "duration": "10s"},
            ],
        }
    )
    later = spike.model_copy(update={"start_time": 100.0})
    assert plan(profile.model_copy(update={"scenarios": {"a": spike}})).peak_rate == 30
    assert plan(profile.model_copy(update={"scenarios": {"a": spike, "b": later}})).peak_rate == 30
    assert plan(profile.model_copy(update={"scenarios": {"a": spike, "b": spike}})).peak_rate == 60
    assert plan(profile.model_copy(update={"scenarios": {"a": spike, "b": later}})).seconds == 120


@pytest.mark.parametrize(
    ("start_time", "held"),
    [("0s", "10s"), ("546.9s", "79.8s"), ("327.4s", "19.9s"), ("0s", "4800h")],
    ids=["round", "rounded-down", "rounded-down-too", "200-days"],
)
def test_the_peak_is_seen_however_the_instant_of_a_jump_is_rounded(start_time: str, held: str) -> None:
    options = {
        "executor": "ramping-arrival-rate",
        "user": "identify",
        "pre_allocated_vus": 1,
        "start_time": start_time,
        "start_rate": 10,
    }
    at_the_start_of_a_stage = [
        {"target": 10, "duration": held},
        {"target": 100, "duration": "0s"},
        {"target": 0, "duration": "60s"},
    ]
    at_the_end_of_the_last = [{"target": 100, "duration": held}]
    profile = load_profile("ramping-rate")
    for stages in (at_the_start_of_a_stage, at_the_end_of_the_last):
        scenario = RampingArrivalRate.model_validate({**options, "stages": stages})
        assert plan(profile.model_copy(update={"scenarios": {"a": scenario}})).peak_rate == 100


@pytest.mark.parametrize(
    ("user", "people"),
    [
        ("identify", 41),
        ("queued", 21),
        ("anonymous", 11),
        ("batch", 41 * 25),
        ("pipelines", 50),
        ("broadcast", 0),
        ("webhook", 0),
    ],
)
def test_the_people_are_those_that_the_arrivals_of_a_kind_may_create(user: str, people: int) -> None:
    options = RampingArrivalRate.model_validate(
        {
            "executor": "ramping-arrival-rate",
            "user": user,
            "start_rate": 4.1,
            "pre_allocated_vus": 1,
            "stages": [{"target": 4.1, "duration": "10s"}],
        }
    )
    profile = load_profile("ramping-rate").model_copy(update={"scenarios": {"a": options}})
    assert (plan(profile).requests, plan(profile).people) == (41, people)
    assert plan(profile).describe().endswith(f"up to {people} people" if people else ", no new people")


def test_messages_are_not_held_against_the_limit_of_requests() -> None:
    planned = plan(load_profile("queued"))
    assert planned.describe() == "1 scenario, 1m, 8400 messages, peak 200/s, up to 4200 people"
    assert planned.against_limits() == []


def test_each_kind_counts_against_the_limit_of_its_api() -> None:
    # 10/s of messages, 20 + 40 + 8 + 4 + 4 + 2 of the Track API; none of Pipelines calls and webhooks.
    assert [line.partition(" (")[0] for line in plan(load_profile("mixed")).against_limits()] == [
        "peak 78/s is 8% of 1000 requests/s per workspace, v1 and v2 together",
        "peak 78/s is 78% of 100 requests/s per workspace",
        "peak 10/s is 10% of 100 transactional sends/s",
        "peak 0.091/s is 91% of one in 10 s from one API-triggered broadcast to the next",
    ]
