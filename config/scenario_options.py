"""The scenarios of a profile: executor, schedule, VUs."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    Tag,
    ValidationInfo,
    computed_field,
    model_validator,
)

from config.profile_values import Options, PositiveSeconds, ProfileChecks, Rate, Seconds, VuCount

RAMPING = "ramping-arrival-rate"
CONSTANT = "constant-arrival-rate"


class StageOptions(Options):
    """A stage: the rate changes linearly to ``target`` (iterations per time unit) in ``duration`` seconds.

    A stage with ``rate`` in place of ``target`` is a step: it stands for two stages, a jump to that rate and
    the time for which it holds.
    """

    target: Rate = Field(validation_alias=AliasChoices("target", "rate"))
    duration: Seconds
    _is_step: bool = PrivateAttr(default=False)

    @model_validator(mode="wrap")
    @classmethod
    def _note_step(cls, value: Any, handler: ModelWrapValidatorHandler[StageOptions]) -> StageOptions:
        if isinstance(value, dict) and {"rate", "target"} <= value.keys():
            raise ValueError("expected target (a ramp) or rate (a step), not both")
        stage = handler(value)
        stage._is_step = isinstance(value, dict) and "rate" in value
        return stage

    def as_ramps(self) -> tuple[StageOptions, ...]:
        """Return the stage as stages that all have a target; a jump is one of 0 seconds."""
        if not self._is_step:
            return (self,)
        held = StageOptions.model_construct(target=self.target, duration=self.duration)
        return (held.model_copy(update={"duration": 0.0}), held)


def _as_ramps(stages: tuple[StageOptions, ...]) -> tuple[StageOptions, ...]:
    if not stages:
        raise ValueError("expected at least one stage, got []")
    return tuple(ramp for stage in stages for ramp in stage.as_ramps())


def _known_user(user: str, info: ValidationInfo) -> str:
    if info.context is not None:
        checks: ProfileChecks = info.context
        checks.check_user(user)
    return user


class CommonOptions(Options):
    """What every scenario has, whatever its executor. Durations are in seconds."""

    user: Annotated[str, AfterValidator(_known_user)]
    time_unit: PositiveSeconds = 1.0
    pre_allocated_vus: VuCount
    max_vus: VuCount = Field(default_factory=lambda data: data.get("pre_allocated_vus", 1))
    start_time: Seconds = 0.0
    graceful_stop: Seconds = 30.0
    pause: Seconds = 0.0
    timeout: PositiveSeconds = 60.0
    env: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_vus(self) -> Self:
        if self.max_vus < self.pre_allocated_vus:
            raise ValueError(
                f"expected max_vus of at least pre_allocated_vus ({self.pre_allocated_vus}), "
                f"got {self.max_vus}"
            )
        return self


class RampingArrivalRate(CommonOptions):
    """A scenario whose rate changes from stage to stage."""

    executor: Literal["ramping-arrival-rate"]
    start_rate: Rate = 0.0
    stages: Annotated[tuple[StageOptions, ...], AfterValidator(_as_ramps)]

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        if sum(stage.duration for stage in self.stages) <= 0:
            raise ValueError("expected stages that last longer than 0s in all")
        return self

    def scaled(self, time_scale: float) -> RampingArrivalRate:
        """Return the scenario with the same rates over ``time_scale`` times the time."""
        stages = tuple(
            stage.model_copy(update={"duration": stage.duration * time_scale}) for stage in self.stages
        )
        return self.model_copy(update={"start_time": self.start_time * time_scale, "stages": stages})


class ConstantArrivalRate(CommonOptions):
    """A scenario with one rate from its beginning to its end."""

    executor: Literal["constant-arrival-rate"]
    rate: Rate
    duration: PositiveSeconds

    # Computed fields, so that the record of a run has the stages of every scenario.
    @computed_field  # type: ignore[prop-decorator] # mypy knows no decorated property
    @property
    def start_rate(self) -> float:
        """The rate, as that of a ramping scenario."""
        return self.rate

    @computed_field  # type: ignore[prop-decorator]
    @property
    def stages(self) -> tuple[StageOptions, ...]:
        """One stage that stays at the rate."""
        return (StageOptions.model_construct(target=self.rate, duration=self.duration),)

    def scaled(self, time_scale: float) -> ConstantArrivalRate:
        """Return the scenario with the same rate over ``time_scale`` times the time."""
        return self.model_copy(
            update={"start_time": self.start_time * time_scale, "duration": self.duration * time_scale}
        )


def _executor(options: Any) -> str:
    """Return whose options these are. Without a right ``executor`` those that are there decide.

    That way, all other mistakes of the scenario are found as well.
    """
    if isinstance(options, CommonOptions):
        return CONSTANT if isinstance(options, ConstantArrivalRate) else RAMPING
    given = options if isinstance(options, dict) else {}
    named = given.get("executor")
    if named == CONSTANT or (named != RAMPING and "rate" in given and "stages" not in given):
        return CONSTANT
    return RAMPING


ScenarioOptions = RampingArrivalRate | ConstantArrivalRate

Scenario = Annotated[
    Annotated[RampingArrivalRate, Tag(RAMPING)] | Annotated[ConstantArrivalRate, Tag(CONSTANT)],
    Discriminator(_executor),
]
