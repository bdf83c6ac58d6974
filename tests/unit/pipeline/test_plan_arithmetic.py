"""The planner's arithmetic: checked by hand for three volumes, and by what holds for every volume."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery import opening
from pipeline.plan.arithmetic import (
    LEAST_RETENTION_SECONDS,
    RETRY_SECONDS,
    Plan,
    QueueTierPlan,
    choose_tier,
    items_per_batch,
    make_plan,
    usable_requests_per_second,
)
from pipeline.plan.demand import SECONDS_PER_DAY, Demand, WorkerRate
from pipeline.plan.reasons import problems_of, reasons_of, remedies_of
from pipeline.plan.tiers import tier_of, tiers

RATE = WorkerRate(10_000, 900, "2026-01-01T00:00+00:00", "a machine")
DEMANDS = st.builds(
    lambda per_day, factor, **more: Demand(per_day, per_day / SECONDS_PER_DAY * factor, **more),
    per_day=st.floats(1, 1e12),
    factor=st.floats(1, 1000),
    payload_bytes=st.integers(1, 32_768),
    limit_requests_per_second=st.integers(10, 100_000),
    outage_seconds=st.floats(0, 7 * 86_400),
    request_seconds=st.floats(0.001, 60),
)


def plan_for(per_day: float, *, peak_factor: float = 5.0, limit: int = 100, outage: float = 1800.0) -> Plan:
    peak = per_day / SECONDS_PER_DAY * peak_factor
    return make_plan(Demand(per_day, peak, limit_requests_per_second=limit, outage_seconds=outage), RATE)


def queue_tier(plan: Plan) -> QueueTierPlan:
    assert plan.queue_tier is not None
    return plan.queue_tier


def test_half_a_million_goes_to_the_api_directly() -> None:
    plan = plan_for(0.5e6)
    assert plan.tier.name == "single-service"
    assert plan.requests_per_second == plan.demand.peak_events_per_second == pytest.approx(28.935, abs=0.001)
    assert plan.queue_tier is None
    assert plan.is_feasible


def test_eight_million_need_a_queue_and_three_workers() -> None:
    plan = plan_for(8e6)
    part = queue_tier(plan)
    assert plan.tier.name == "queue-based"
    assert plan.demand.peak_events_per_second == pytest.approx(462.963, abs=0.001)
    # Three workers get 154 events/s each: their batches are full before a second has passed.
    assert plan.requests_per_second == pytest.approx(4.63, abs=0.001)
    # 80 of 100 requests/s, 2.5 % of the window apart: 78.05/s, with 100 events each 7805 events/s.
    assert plan.most_events_per_second == pytest.approx(7804.9, abs=0.1)
    assert (part.workers, part.most_replicas, part.partitions) == (3, 20, 24)
    assert part.queue.messages == 833_334
    # 833 333 messages at 7805 - 463 events/s, and the pause before the next attempt.
    assert plan.drain_seconds == pytest.approx(5 + 833_333 / 7341.9, abs=0.1)


def test_sixty_million_are_distributed() -> None:
    plan = plan_for(60e6)
    assert plan.tier.name == "distributed"
    assert plan.requests_per_second == pytest.approx(34.72, abs=0.01)
    assert plan.drain_seconds == pytest.approx(5 + 3472.2 * 1800 / (7804.9 - 3472.2), abs=1)


@pytest.mark.parametrize(
    ("events_per_day", "name"),
    [
        (999_999, "single-service"),
        (1_000_000, "queue-based"),
        (10_000_000, "queue-based"),
        (10_000_001, "distributed"),
    ],
)
def test_the_borders_are_one_and_ten_million(events_per_day: float, name: str) -> None:
    assert tier_of(events_per_day).name == name
    assert all(tier.published for tier in tiers())


def test_a_steep_peak_needs_a_queue_below_the_border() -> None:
    """0.9 M a day are a single service; ten times their mean is above 78 requests/s."""
    plan = plan_for(0.9e6, peak_factor=10)
    assert plan.published_tier.name == "single-service"
    assert plan.tier.name == "queue-based"
    assert "By its volume alone" in reasons_of(plan)[0]


def test_few_events_leave_batches_unfilled() -> None:
    """30 events/s over three workers are ten in the second that a batch waits, besides its first."""
    demand = Demand(2e6, 30.0)
    plan = make_plan(demand, RATE)
    assert plan.events_per_request == pytest.approx(11)
    assert plan.requests_per_second == pytest.approx(30 / 11)


@pytest.mark.parametrize(
    ("payload_bytes", "expected"), [(1, 100), (900, 100), (4_998, 100), (5_100, 98), (32_768, 15)]
)
def test_a_batch_ends_at_its_bytes(payload_bytes: int, expected: int) -> None:
    assert items_per_batch(payload_bytes) == expected


def test_a_slow_customerio_is_answered_by_more_workers() -> None:
    """Ten batches of 100 in flight for 10 s are 100 events/s of a worker: latency bounds it, not the CPU."""
    demand = Demand(8e6, 463.0, request_seconds=10.0)
    part = queue_tier(make_plan(demand, RATE))
    assert part.bound == part.worker.bound == "latency"
    assert part.worker.most == pytest.approx(100)
    assert part.workers == math.ceil(463 / 70)
    assert part.useful_workers == 79


def test_a_peak_above_the_limit_is_refused_with_what_would_help() -> None:
    plan = plan_for(200e6)
    assert not plan.is_feasible
    assert plan.drain_seconds is None
    (problem,) = problems_of(plan)
    assert "11574 events/s" in problem
    remedies = " ".join(remedies_of(plan))
    for remedy in ("a higher limit: at least 150 requests/s", "a flatter peak: at most 3.3 times", "2"):
        assert remedy in remedies
    # What is proposed works.
    assert plan_for(200e6, limit=150).is_feasible
    assert plan_for(200e6, peak_factor=3.3).is_feasible
    assert plan_for(100e6).is_feasible


def test_a_plan_with_workers_needs_a_calibration() -> None:
    with pytest.raises(ValueError, match="calibration"):
        make_plan(Demand(8e6, 463.0), None)


def test_the_pause_before_the_next_attempt_is_the_clients() -> None:
    assert opening._WITHOUT_END.cap_seconds == RETRY_SECONDS


@given(DEMANDS)
def test_whatever_is_asked_for_the_figures_fit_each_other(demand: Demand) -> None:
    plan = make_plan(demand, RATE)
    assert plan.tier is choose_tier(demand)
    assert plan.requests_per_second <= plan.usable_requests_per_second * (1 + 1e-9)
    assert 1 <= plan.events_per_request <= plan.items_per_batch
    assert plan.is_feasible == (not problems_of(plan)) == (not remedies_of(plan))
    if plan.carries_peak:
        served = plan.requests_per_second * plan.events_per_request
        assert served == pytest.approx(demand.peak_events_per_second)
    if plan.queue_tier is None:
        return
    part = plan.queue_tier
    limiter = part.limiter
    assert part.partitions >= part.most_replicas
    assert part.partitions % 12 == 0
    assert part.workers >= plan.deployment.least_replicas
    # The workers' settings accept these, and without Redis all of them together stay below the limit.
    assert limiter.max_processes == part.most_replicas + plan.deployment.overlap
    assert limiter.requests_without_redis * limiter.max_processes <= limiter.requests
    assert limiter.concurrency >= 2 * limiter.max_processes
    assert limiter.min_gap_ms * limiter.requests <= 1000
    assert part.queue.messages >= demand.peak_events_per_second * demand.outage_seconds
    assert part.queue.retention_seconds >= max(LEAST_RETENTION_SECONDS, 2 * demand.outage_seconds)
    if plan.is_feasible and plan.drain_seconds:
        rate = min(plan.most_events_per_second, part.workers * part.worker.most)
        seconds = plan.drain_seconds - RETRY_SECONDS
        # What comes in and what was left is what goes out.
        came = demand.peak_events_per_second * (demand.outage_seconds + seconds)
        assert came == pytest.approx(rate * seconds, rel=1e-6)


@given(DEMANDS, st.integers(1, 1000))
def test_a_higher_limit_never_makes_a_plan_worse(demand: Demand, more: int) -> None:
    higher = Demand(
        demand.events_per_day,
        demand.peak_events_per_second,
        demand.payload_bytes,
        demand.limit_requests_per_second + more,
        demand.outage_seconds,
        demand.request_seconds,
    )
    usable = usable_requests_per_second(demand.limit_requests_per_second)
    assert usable_requests_per_second(higher.limit_requests_per_second) >= usable
    if make_plan(demand, RATE).carries_peak:
        assert make_plan(higher, RATE).carries_peak
