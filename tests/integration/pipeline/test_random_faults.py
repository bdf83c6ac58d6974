"""Random schedules of faults, in short: ``benchmarks/delivery_faults.py`` runs as many as wanted."""

from __future__ import annotations

import asyncio

from pipeline.client import RetryPolicy
from pipeline.operation import Operation
from pipeline.outcome import Delivered
from tests.programs.track_client import client_of
from tests.proofs.fault_schedules import FAULTS, Step, schedule
from tests.proofs.random_faults import again, run_schedules
from tests.servers.fault_front import FaultFront
from tests.servers.standin_server import StandinServer


def test_random_schedules_lose_and_reorder_nothing() -> None:
    """Backfills that are killed while Customer.io gives odd answers; one shares its limit through Redis."""
    seeds = (5, 3, 4, 8, 22)
    tally = asyncio.run(run_schedules(map(schedule, seeds), parallel=2))
    assert tally.failures == {}, "; ".join(map(again, tally.failures))
    assert tally.sources.total() == len(seeds)


def test_no_fault_counts_as_a_delivery() -> None:
    """Each kind of fault once, none of them passed on, before the one answer that counts."""
    steps = [Step(kind, share=share, seconds=0.05) for kind in FAULTS for share in (0.0, 0.99)]
    patient = RetryPolicy(attempts=None, total_seconds=60.0, base_seconds=0.0)

    async def main(url: str) -> None:
        front = FaultFront(url, iter(steps), nothing)
        async with front.serving(), client_of(front.url, retry=patient) as (client, _):
            event = Operation("track", "ada", {"n": 1}, "step")
            assert await client.send_batch([event]) == [Delivered(len(steps) + 1)]

    with StandinServer() as standin:
        asyncio.run(main(standin.url))
        assert standin.stats()["requests"] == {"batch": 1}
        assert standin.stats()["events"] == 1


async def nothing(step: Step) -> None:
    raise AssertionError(f"no event is planned, and yet: {step}")
