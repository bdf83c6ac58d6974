"""The schedule that a scenario's options describe. What holds them is not known here: a profile, say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shapes.schedule import Schedule, Stage


class StageOptions(Protocol):
    """The options of a stage: see ``Stage``."""

    @property
    def target(self) -> float: ...

    @property
    def duration(self) -> float: ...


class RateOptions(Protocol):
    """Those of a scenario's options that describe its schedule: see ``Schedule``."""

    @property
    def start_rate(self) -> float: ...

    @property
    def stages(self) -> Sequence[StageOptions]: ...

    @property
    def time_unit(self) -> float: ...


def schedule_of(options: RateOptions) -> Schedule:
    """Return the schedule that a scenario's options describe."""
    stages = [Stage(stage.target, stage.duration) for stage in options.stages]
    return Schedule(options.start_rate, stages, options.time_unit)
