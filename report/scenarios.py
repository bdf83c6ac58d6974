"""What a run was to do: the scenarios of the profile in ``settings.json``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from report.json_object import JsonObject
from shapes.schedule import Schedule, Stage

# Rates and durations up to this keep the schedule's arithmetic far from infinity.
_GREATEST = 1e9
_SHORTEST_TIME_UNIT = 1e-6


@dataclass(frozen=True)
class PlannedScenario:
    """A scenario's schedule and what bounds its VUs; ``start_time`` and ``timeout`` in seconds."""

    name: str
    schedule: Schedule
    start_time: float
    max_vus: int
    timeout: float
    stage_ends: tuple[float, ...]

    @property
    def ends_at(self) -> float:
        """Seconds from the run's start to the last stage's end."""
        return self.start_time + self.schedule.duration

    def rate_at(self, t: float) -> float:
        """Return the arrivals per second, ``t`` seconds into the run."""
        return self.schedule.rate_at(t - self.start_time)

    def due_by(self, t: float) -> int:
        """Return the whole arrivals due by ``t`` seconds of the run."""
        # The rounding lets an arrival that is due at the very end count as due.
        return min(self.schedule.total, math.floor(self.schedule.arrivals_by(t - self.start_time) + 1e-9))


def planned_scenarios(profile: JsonObject) -> list[PlannedScenario]:
    """Return the scenarios of a profile as it stands in ``settings.json``, durations in seconds.

    Raises:
        ValueError: the profile is not as a run writes it.
    """
    scenarios = profile.child("scenarios")
    return [_planned(name, scenarios.child(name)) for name in scenarios]


def peak_rate(scenarios: Sequence[PlannedScenario]) -> float:
    """Return the highest rate of all scenarios together, in arrivals per second."""
    # The sum is linear between stage ends, so it peaks at one; a jump has a value on either side.
    borders = {0.0, *(end for scenario in scenarios for end in (scenario.start_time, *scenario.stage_ends))}
    instants = [t for border in borders for t in (border - 1e-9, border)]
    return max((sum(scenario.rate_at(t) for scenario in scenarios) for t in instants), default=0.0)


def _planned(name: str, options: JsonObject) -> PlannedScenario:
    stages = [
        Stage(_not_negative(stage, "target"), _not_negative(stage, "duration"))
        for stage in options.children("stages")
    ]
    start_time = _not_negative(options, "start_time")
    ends = []
    end = start_time
    for stage in stages:
        end += stage.duration
        ends.append(end)
    time_unit = options.number("time_unit", greatest=_GREATEST)
    if time_unit < _SHORTEST_TIME_UNIT:
        raise ValueError(f"{name!r}: time_unit: expected at least {_SHORTEST_TIME_UNIT:g} seconds")
    return PlannedScenario(
        name,
        Schedule(_not_negative(options, "start_rate"), stages, time_unit),
        start_time,
        options.count("max_vus"),
        _not_negative(options, "timeout"),
        tuple(ends),
    )


def _not_negative(options: JsonObject, name: str) -> float:
    value = options.number(name, greatest=_GREATEST)
    if value < 0:
        raise ValueError(f"{name}: expected a number that is not negative")
    return value
