"""The peak of a load profile that exists."""

from __future__ import annotations

import math

from config.profile import load_profile
from shapes.rate_options import schedule_of


def peak_of_profile(name_or_path: str) -> float:
    """Return the most arrivals per second of all scenarios of a profile together.

    Rates are linear between the ends of stages, so the sum has its maximum at one of those, on one of its two
    sides: a stage of 0 s is a jump.

    Raises:
        ConfigError: the profile does not exist or is wrong.
    """
    schedules = [
        (
            scenario.start_time,
            schedule_of(scenario),
            scenario.stages,
        )
        for scenario in load_profile(name_or_path).scenarios.values()
    ]
    instants: set[float] = set()
    for start, _, stages in schedules:
        at = start
        instants.add(at)
        for stage in stages:
            at += stage.duration
            instants |= {at, math.nextafter(at, 0.0)}
    return max(
        sum(schedule.rate_at(instant - start) for start, schedule, _ in schedules) for instant in instants
    )
