"""Holds the planner to its word: its workers under its peak, through an outage, on this machine.

    python -m tests.proofs.plan_held --events-per-day 8M

It starts a broker, a Redis, a stand-in with the plan's limit and latency, and the plan's workers, with the
limiter's settings of the plan. It sends the peak, lets the stand-in answer all requests with 500 for a while,
and measures requests and events per second before, and how long the backlog of the outage takes afterwards.

A plan that is too large for one machine runs with all rates divided by a whole number: the events, the limit,
and what a worker can have in flight, as each request takes longer by this factor. The number of workers, full
batches, the share of the limit that the peak takes and the length of the outage stay, and so does the
predicted drain time, which depends on ratios of rates alone.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from config.profile import ProfileText, parse_profile
from pipeline.plan import amounts, calibration
from pipeline.plan.arithmetic import Plan, QueueTierPlan, make_plan
from pipeline.plan.demand import SECONDS_PER_DAY, Demand
from pipeline.produce.producer import Producer
from pipeline.rehearse.load import Load
from tests.programs.pipeline_worker import WorkerProcess, health
from tests.programs.waiting import wait_until
from tests.servers.free_port import free_port
from tests.servers.kafka_broker import KafkaBroker
from tests.servers.redis_server import RedisServer
from tests.servers.standin_server import StandinServer

TOPIC = "customerio-events"
_WARM_UP_SECONDS = 5.0
_STEADY_SECONDS = 15.0


@dataclass(frozen=True)
class Measured:
    """Requests and events per second before the outage and after it, and how long the backlog then took."""

    requests_per_second: float
    events_per_second: float
    drain_seconds: float
    drain_requests_per_second: float
    drain_events_per_second: float
    refused_by_limit: int


def queue_tier(plan: Plan) -> QueueTierPlan:
    """Return the part of a plan with workers."""
    if plan.queue_tier is None:
        raise ValueError("expected a volume that needs a queue")
    return plan.queue_tier


def divided(plan: Plan, divisor: int) -> Plan:
    """Return the plan of the same demand with all rates divided.

    Raises:
        ValueError: it has not the same workers, or not the same drain time to a hundredth.
    """
    demand, part = plan.demand, queue_tier(plan)
    smaller = make_plan(
        replace(
            demand,
            events_per_day=demand.events_per_day / divisor,
            peak_events_per_second=demand.peak_events_per_second / divisor,
            limit_requests_per_second=demand.limit_requests_per_second // divisor,
            request_seconds=demand.request_seconds * divisor,
        ),
        part.rate,
    )
    assert plan.drain_seconds is not None
    assert smaller.drain_seconds is not None
    has_same_drain = abs(smaller.drain_seconds / plan.drain_seconds - 1) <= 0.01
    if queue_tier(smaller).workers != part.workers or not has_same_drain:
        raise ValueError(f"a plan divided by {divisor} is another plan; expected a smaller number")
    return smaller


async def measure(plan: Plan) -> Measured:
    """Run the plan's local equal."""
    demand, part = plan.demand, queue_tier(plan)
    assert plan.drain_seconds is not None
    seconds = _WARM_UP_SECONDS + _STEADY_SECONDS + demand.outage_seconds + 1.5 * plan.drain_seconds + 10
    load = Load(parse_profile(ProfileText("peak", _profile(demand.peak_events_per_second, seconds))))
    with (
        KafkaBroker() as broker,
        RedisServer() as redis,
        StandinServer(
            *("--rate-limit", str(demand.limit_requests_per_second)),
            *("--latency", f"{demand.request_seconds * 1000:g}ms"),
        ) as standin,
    ):
        await broker.create_topic(TOPIC, part.partitions)
        await broker.create_topic(f"{TOPIC}-dlq", 1)
        ports = [free_port() for _ in range(part.workers)]
        variables = {
            "KAFKA_BROKERS": broker.address,
            "CUSTOMERIO_BASE_URL": standin.url,
            "REDIS_URL": redis.url,
            "LIMIT_REQUESTS": str(part.limiter.requests),
            "LIMIT_CONCURRENCY": str(part.limiter.concurrency),
            "LIMIT_MIN_GAP_MS": str(part.limiter.min_gap_ms),
            "LIMIT_MAX_PROCESSES": str(part.limiter.max_processes),
        }
        workers = [WorkerProcess({**variables, "HEALTH_PORT": str(port)}, anew=True) for port in ports]
        try:
            wait_until("ready", 60, lambda: all(health(port, "readyz")[0] == 200 for port in ports))
            async with Producer(broker.address, TOPIC, idempotent=False) as producer:
                sending = asyncio.create_task(load.send(producer))
                try:
                    return await _through_outage(plan, load, standin)
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait()
                worker.stop()


async def _through_outage(plan: Plan, load: Load, standin: StandinServer) -> Measured:
    await asyncio.sleep(_WARM_UP_SECONDS)
    before, began = await asyncio.to_thread(standin.stats), time.monotonic()
    usual = 0
    while time.monotonic() - began < _STEADY_SECONDS:
        await asyncio.sleep(0.1)
        usual = max(usual, await _backlog(load, standin))
    after, seconds = await asyncio.to_thread(standin.stats), time.monotonic() - began
    await asyncio.to_thread(lambda: standin.set_faults(error_share=1.0))
    await asyncio.sleep(plan.demand.outage_seconds)
    await asyncio.to_thread(lambda: standin.set_faults(error_share=0.0))
    ended, at_end = time.monotonic(), await asyncio.to_thread(standin.stats)
    assert plan.drain_seconds is not None
    # As small as it was at its largest before the outage.
    while await _backlog(load, standin) > usual:
        await asyncio.sleep(0.1)
    stats, drain_seconds = await asyncio.to_thread(standin.stats), time.monotonic() - ended
    return Measured(
        requests_per_second=(after["requests_total"] - before["requests_total"]) / seconds,
        events_per_second=(after["events"] - before["events"]) / seconds,
        drain_seconds=drain_seconds,
        drain_requests_per_second=(stats["requests_total"] - at_end["requests_total"]) / drain_seconds,
        drain_events_per_second=(stats["events"] - at_end["events"]) / drain_seconds,
        refused_by_limit=stats["refused"],
    )


async def _backlog(load: Load, standin: StandinServer) -> int:
    events: int = (await asyncio.to_thread(standin.stats))["events"]
    return load.acknowledged - events


def _profile(rate: float, seconds: float) -> str:
    return (
        '[scenarios.peak]\nexecutor = "ramping-arrival-rate"\nuser = "queued"\npre_allocated_vus = 1\n'
        f'start_rate = {rate}\nstages = [{{ target = {rate}, duration = "{round(seconds)}s" }}]\n'
    )


def main() -> int:
    """Measure one plan and print it beside its prediction; return 1 if they differ by more than a tenth."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events-per-day", type=amounts.events_per_day, required=True)
    parser.add_argument("--peak-factor", type=float, default=5.0)
    parser.add_argument("--outage", type=amounts.outage_seconds, default=30.0)
    parser.add_argument("--limit", type=amounts.requests_per_second, default=100)
    parser.add_argument("--rates-divided-by", type=int, default=1, metavar="N")
    parser.add_argument("--calibration", type=Path, default=Path("pipeline-calibration.json"))
    options = parser.parse_args()
    rate = calibration.read(options.calibration, 150) or calibration.measure(150)
    whole = make_plan(_demand(options), rate)
    divisor: int = options.rates_divided_by
    if divisor < 1 or options.limit % divisor:
        parser.error("--rates-divided-by: expected a whole number that divides --limit")
    plan = divided(whole, divisor)
    measured = asyncio.run(measure(plan))
    assert plan.drain_seconds is not None
    print(f"workers {queue_tier(plan).workers}, outage {options.outage:g} s, tier {whole.tier.name}")
    if divisor > 1:
        print(
            f"all rates divided by {divisor}; undivided: {whole.demand.peak_events_per_second:.2f} events/s "
            f"in {whole.requests_per_second:.2f} requests/s, drain {whole.drain_seconds:.2f} s"
        )
    pairs = (
        ("events/s", plan.demand.peak_events_per_second, measured.events_per_second),
        ("requests/s", plan.requests_per_second, measured.requests_per_second),
        ("drain s", plan.drain_seconds, measured.drain_seconds),
    )
    for name, planned, seen in pairs:
        print(f"{name:<12} planned {planned:8.2f}  measured {seen:8.2f}  {seen / planned - 1:+.1%}")
    print(
        f"while draining: {measured.drain_events_per_second:.0f} events/s in "
        f"{measured.drain_requests_per_second:.1f} requests/s"
    )
    print(f"requests refused by the limit: {measured.refused_by_limit}")
    are_near = all(abs(seen / planned - 1) <= 0.1 for _, planned, seen in pairs[:2])
    is_drained = measured.drain_seconds <= 1.1 * plan.drain_seconds
    return 0 if are_near and is_drained and not measured.refused_by_limit else 1


def _demand(options: argparse.Namespace) -> Demand:
    per_day: float = options.events_per_day
    return Demand(
        per_day,
        per_day / SECONDS_PER_DAY * options.peak_factor,
        payload_bytes=150,
        limit_requests_per_second=options.limit,
        outage_seconds=options.outage,
    )


if __name__ == "__main__":
    sys.exit(main())
