"""The values of a profile's options: durations, rates, counts, names; and what only others can check."""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from config.durations import EXPECTED, parse_duration_seconds
from config.nearest import did_you_mean
from config.shown import shown
from config.threshold_grammar import ThresholdExpression

_LONGEST_SECONDS = 366 * 86_400.0


def _duration(value: Any) -> float:
    if not isinstance(value, str):
        meant = f"'{value}s'" if isinstance(value, int | float) and 0 < value < _LONGEST_SECONDS else None
        raise ValueError(f"expected {EXPECTED}, got {shown(value)}{did_you_mean(meant)}")
    seconds = parse_duration_seconds(value)
    if not seconds <= _LONGEST_SECONDS:
        raise ValueError(f"expected a duration of at most 366 days, got {shown(value)}")
    return seconds


def number(value: Any) -> Any:
    """Return a value that is a number as TOML has it; ``ValueError`` for anything else."""
    # pydantic's lax mode would accept "10" and true as numbers. In a profile they are mistakes.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, got {shown(value)}")
    return value


def _positive_duration(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError("expected a duration above zero")
    return seconds


Seconds = Annotated[float, BeforeValidator(_duration)]
PositiveSeconds = Annotated[float, BeforeValidator(_duration), AfterValidator(_positive_duration)]
Rate = Annotated[float, BeforeValidator(number), Field(ge=0, le=1e6, allow_inf_nan=False)]
VuCount = Annotated[int, BeforeValidator(number), Field(ge=1, le=100_000)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,59}$")]


class Options(BaseModel):
    """A table of a profile, in which every option is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProfileChecks(Protocol):
    """What only a process that has loaded the kinds of user knows. Each check raises ``ValueError``."""

    def check_user(self, user: str) -> None:
        """Check that there is such a kind of user."""

    def check_metric(self, name: str) -> None:
        """Check that there is such a metric. Called after all users have been checked."""

    def check_threshold(self, selector: str, expression: ThresholdExpression) -> None:
        """Check that the metric has the aggregation. If there is no such metric, nothing is wrong here."""
