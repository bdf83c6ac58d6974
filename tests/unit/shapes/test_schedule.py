"""The arithmetic of arrivals, held against its definition: the integral of the rate."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.profile import load_profile
from shapes.rate_options import schedule_of
from shapes.schedule import Schedule, Stage

rates = st.one_of(st.just(0.0), st.floats(0.01, 500), st.integers(0, 500).map(float))
durations = st.one_of(st.just(0.0), st.floats(0.05, 60), st.integers(0, 60).map(float))
stages = st.lists(st.builds(Stage, rates, durations), min_size=1, max_size=6)
schedules = st.builds(Schedule, rates, stages, st.sampled_from([0.5, 1.0, 60.0]))


def integral_by_trapezoids(start_rate: float, stages: list[Stage], until: float) -> float:
    """The area under the rate, added up slowly in small steps; independent of the closed form."""
    area, start, rate = 0.0, 0.0, start_rate
    for stage in stages:
        length = min(stage.duration, until - start)
        if length > 0:
            steps = 200
            width = length / steps
            for step in range(steps):
                left, right = (
                    rate + (stage.target - rate) * x * width / stage.duration for x in (step, step + 1)
                )
                area += (left + right) / 2 * width
        start, rate = start + stage.duration, stage.target
    return area


@given(rates, stages, st.floats(0, 1))
def test_arrivals_by_is_the_integral_of_the_rate(
    start_rate: float, stages: list[Stage], share: float
) -> None:
    schedule = Schedule(start_rate, stages)
    t = schedule.duration * share
    assert schedule.arrivals_by(t) == pytest.approx(
        integral_by_trapezoids(start_rate, stages, t), rel=1e-9, abs=1e-6
    )


@given(schedules, st.floats(0, 1))
def test_the_integral_up_to_an_arrival_is_its_number(schedule: Schedule, share: float) -> None:
    if schedule.total == 0:
        assert schedule.arrivals_by(schedule.duration) < 1
        return
    n = max(1, round(schedule.total * share))
    assert schedule.arrivals_by(schedule.arrival_time(n)) == pytest.approx(n, rel=1e-9, abs=1e-6)


@given(schedules)
def test_arrivals_come_in_order_and_within_the_schedule(schedule: Schedule) -> None:
    numbers = sorted(
        {*range(1, min(schedule.total, 50) + 1), *range(max(1, schedule.total - 50), schedule.total + 1)}
    )
    instants = [schedule.arrival_time(n) for n in numbers]
    assert instants == sorted(instants)
    assert all(0 < instant <= schedule.duration for instant in instants)


@given(schedules, st.floats(-1, 200))
def test_due_by_counts_exactly_the_arrivals_up_to_an_instant(schedule: Schedule, t: float) -> None:
    due = schedule.due_by(t)
    assert due == 0 or schedule.arrival_time(due) <= t
    assert due == schedule.total or schedule.arrival_time(due + 1) > t


@given(schedules, st.data())
def test_due_by_includes_the_arrival_of_this_very_instant(schedule: Schedule, data: st.DataObject) -> None:
    if schedule.total:
        n = data.draw(st.integers(1, schedule.total))
        assert schedule.due_by(schedule.arrival_time(n)) >= n


@given(schedules)
def test_all_whole_arrivals_are_due_at_the_end(schedule: Schedule) -> None:
    assert schedule.due_by(schedule.duration) == schedule.total
    assert schedule.total == pytest.approx(schedule.arrivals_by(schedule.duration), abs=1)


@given(st.floats(0.1, 100), st.lists(st.floats(0.1, 10), min_size=2, max_size=8))
def test_cutting_a_constant_rate_into_stages_changes_no_instant(rate: float, lengths: list[float]) -> None:
    """The fraction of an arrival at a stage's end carries over."""
    cut = Schedule(rate, [Stage(rate, length) for length in lengths])
    for n in range(1, cut.total + 1):
        assert cut.arrival_time(n) == pytest.approx(n / rate, rel=1e-9)


def test_ramping_rate_is_exactly_what_the_project_exists_for() -> None:
    for scenario in load_profile("ramping-rate").scenarios.values():
        schedule = schedule_of(scenario)
        assert schedule.total == 43_800
        assert schedule.duration == 540
        assert schedule.peak_rate == 100
        assert [schedule.rate_at(t) for t in (0, 30, 60, 120, 180, 300, 510)] == [
            10,
            30,
            50,
            75,
            100,
            100,
            50,
        ]


def test_a_tenth_of_the_time_is_a_tenth_of_the_arrivals() -> None:
    for scenario in load_profile("ramping-rate").scaled(0.1).scenarios.values():
        assert schedule_of(scenario).total == 4_380


def test_rates_are_per_time_unit() -> None:
    assert Schedule(120, [Stage(120, 10)], time_unit=60).total == 20
    assert Schedule(120, [Stage(120, 10)], time_unit=60).rate_at(5) == 2


def test_a_stage_of_no_length_is_a_jump() -> None:
    schedule = Schedule(1, [Stage(1, 2), Stage(100, 0), Stage(100, 1)])
    assert schedule.total == 102
    assert schedule.rate_at(1.999) == 1
    assert schedule.rate_at(2) == 100
    assert schedule.arrival_time(3) == pytest.approx(2.01)


def test_nothing_arrives_while_the_rate_is_zero() -> None:
    schedule = Schedule(0, [Stage(0, 5), Stage(10, 0), Stage(10, 1), Stage(0, 0), Stage(0, 5), Stage(4, 2)])
    assert schedule.total == 14
    assert schedule.arrival_time(1) == pytest.approx(5.1)
    assert schedule.arrival_time(10) == pytest.approx(6.0)
    assert schedule.arrival_time(11) == pytest.approx(11 + math.sqrt(1))


def test_the_rate_is_zero_outside_the_schedule() -> None:
    schedule = Schedule(10, [Stage(10, 1)])
    assert [schedule.rate_at(t) for t in (-1, 0, 0.999, 1, 2)] == [0, 10, 10, 0, 0]


@pytest.mark.parametrize("n", [0, -1, 11])
def test_an_arrival_that_is_not_in_the_schedule_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"arrival {n} is not one of 1 to 10"):
        Schedule(10, [Stage(10, 1)]).arrival_time(n)


@pytest.mark.parametrize(
    ("start_rate", "stage", "time_unit"),
    [(-1, Stage(1, 1), 1), (1, Stage(-1, 1), 1), (1, Stage(1, -1), 1), (math.inf, Stage(1, 1), 1),
     (1, Stage(math.nan, 1), 1), (1, Stage(1, 1), 0), (1, Stage(1, 1), math.inf)],
)  # fmt: skip
def test_numbers_that_are_no_rates_or_durations_are_refused(
    start_rate: float, stage: Stage, time_unit: float
) -> None:
    with pytest.raises(ValueError, match="must be"):
        Schedule(start_rate, [stage], time_unit)
