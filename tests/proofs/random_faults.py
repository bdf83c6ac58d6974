"""Random schedules of faults, one after the other, and what became of every message.

python -m tests.proofs.random_faults --schedules 1000 --seed 1 --parallel 2
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.proofs.fault_runs import Servers, run_schedule
from tests.proofs.fault_schedules import Schedule, schedule


@dataclass
class Tally:
    """What was run so far."""

    sources: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    #: Lines about what was wrong, by seed.
    failures: dict[int, list[str]] = field(default_factory=dict)

    def add(self, plan: Schedule, wrong: list[str]) -> None:
        """Count a schedule that was run."""
        self.sources[plan.source] += 1
        self.answers.update(step.answer for step in plan.steps)
        self.events.update(step.event for step in plan.steps if step.event is not None)
        self.messages += len(plan.messages)
        if wrong:
            self.failures[plan.seed] = wrong

    def summary(self, seconds: float) -> str:
        """Return what a reader wants to know, on one line."""
        return (
            f"{self.sources.total()} schedules ({self.sources['broker']} on a broker with Redis) in "
            f"{seconds:.0f} s: {self.messages} messages, {self.answers.total()} steps of "
            f"{len(self.answers)} kinds, {self.events.total()} events {dict(sorted(self.events.items()))}, "
            f"{len(self.failures)} schedules with a failure"
        )


async def run_schedules(plans: Iterator[Schedule], parallel: int, verbose: bool = False) -> Tally:
    """Run schedules, so many at once, each lane with servers of its own."""
    tally = Tally()

    async def lane() -> None:
        with Servers() as servers:
            for plan in plans:
                began = time.monotonic()
                wrong = await run_schedule(plan, servers)
                tally.add(plan, wrong)
                if wrong:
                    lines = "\n  ".join(wrong)
                    print(f"seed {plan.seed} ({plan.source}, {plan.api}):\n  {lines}\n  {again(plan.seed)}")
                elif verbose:
                    print(f"seed {plan.seed} ({plan.source}, {plan.api}): {time.monotonic() - began:.1f} s")
                sys.stdout.flush()

    await asyncio.gather(*(lane() for _ in range(parallel)))
    return tally


def again(seed: int) -> str:
    """Return the command that runs a schedule again."""
    return f"again: python benchmarks/delivery_faults.py --schedules 1 --seed {seed}"


def main() -> int:
    """Run what the command line says; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--schedules", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="of the first schedule; the next ones follow")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--verbose", action="store_true", help="a line for each schedule")
    options = parser.parse_args()
    began = time.monotonic()
    plans = map(schedule, range(options.seed, options.seed + options.schedules))
    tally = asyncio.run(run_schedules(plans, options.parallel, options.verbose))
    print(tally.summary(time.monotonic() - began))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
