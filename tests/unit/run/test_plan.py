"""The plan: what a run will do, in figures that people decide by."""

from __future__ import annotations

from config.profile import load_profile
from config.scenario_options import RampingArrivalRate
from run.plan import plan_of


def test_the_plan_of_the_default_profile() -> None:
    plan = plan_of(load_profile("ramping-rate"))
    assert plan.describe() == "2 scenarios, 9m, 87600 requests, peak 200/s, up to 43800 people"
    assert [line.split(" of ")[0] for line in plan.against_limits()] == [
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
    assert plan_of(profile.model_copy(update={"scenarios": {"a": spike}})).peak_rate == 30
    assert plan_of(profile.model_copy(update={"scenarios": {"a": spike, "b": later}})).peak_rate == 30
    assert plan_of(profile.model_copy(update={"scenarios": {"a": spike, "b": spike}})).peak_rate == 60
    assert plan_of(profile.model_copy(update={"scenarios": {"a": spike, "b": later}})).seconds == 120
