"""What a run was to do: the scenarios of the profile in ``settings.json``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shapes.schedule import Schedule, Stage


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
        """Arrivals per second, ``t`` seconds into the run."""
        return self.schedule.rate_at(t - self.start_time)

    def due_by(self, t: float) -> int:
        """Whole arrivals due by ``t`` seconds of the run."""
        # The rounding lets an arrival that is due at the very end count as due.
        return min(self.schedule.total, math.floor(self.schedule.arrivals_by(t - self.start_time) + 1e-9))


def planned_scenarios(profile: Mapping[str, Any]) -> list[PlannedScenario]:
    """The scenarios of a profile as it stands in ``settings.json``, durations in seconds.

    Raises:
        KeyError, TypeError, ValueError: the profile is not as a run writes it.
    """
    return [_planned(name, options) for name, options in profile["scenarios"].items()]


def peak_rate(scenarios: Sequence[PlannedScenario]) -> float:
    """The highest rate of all scenarios together, in arrivals per second."""
    # The sum is linear between stage ends, so it peaks at one; a jump has a value on either side.
    borders = {0.0, *(end for one in scenarios for end in (one.start_time, *one.stage_ends))}
    instants = [t for border in borders for t in (border - 1e-9, border)]
    return max((sum(one.rate_at(t) for one in scenarios) for t in instants), default=0.0)


def _planned(name: str, options: Mapping[str, Any]) -> PlannedScenario:
    stages = [Stage(float(one["target"]), float(one["duration"])) for one in options["stages"]]
    start_time = float(options["start_time"])
    ends = []
    end = start_time
    for stage in stages:
        end += stage.duration
        ends.append(end)
    schedule = Schedule(float(options["start_rate"]), stages, float(options["time_unit"]))
    return PlannedScenario(
        name, schedule, start_time, int(options["max_vus"]), float(options["timeout"]), tuple(ends)
    )
