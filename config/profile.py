"""Profiles: scenarios, stages and thresholds, read from TOML and validated.

The option names are k6's in snake_case. pydantic validates them, because its errors name an option by its
keys (``scenarios.identify_load.start_rate``), and a user needs those to find it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from config.durations import EXPECTED, parse_duration_seconds
from config.errors import ConfigError
from config.shown import shown, visible
from config.threshold_grammar import ThresholdExpression, parse_expression, parse_metric_selector

PROFILES_FOLDER = Path(__file__).with_name("profiles")
DEFAULT_PROFILE = "ramping-rate"

MOST_PROFILE_BYTES = 1_000_000
"""A profile travels to every worker in one message. The largest one here has less than 2 kB."""

_LONGEST_SECONDS = 366 * 86_400.0

# Python's parser takes quadratic time for a key of many parts, and a level of its stack for each bracket.
_DEEPEST = 20
_LONGEST_PATH = 300
# Of a word only its start is tried: from each letter on, the search itself would take quadratic time.
_KEY_PART = r"""(?>(?<![\w-])[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*"""
_DEEP = re.compile(rf"(?>{_KEY_PART}){{{_DEEPEST}}}|(?>[\[{{][\s]*){{{_DEEPEST}}}")


def _duration(value: Any) -> float:
    if not isinstance(value, str):
        raise ValueError(f"expected {EXPECTED}, got {shown(value)}")
    seconds = parse_duration_seconds(value)
    if not seconds <= _LONGEST_SECONDS:
        raise ValueError(f"expected a duration of at most 366 days, got {shown(value)}")
    return seconds


def _number(value: Any) -> Any:
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
Rate = Annotated[float, BeforeValidator(_number), Field(ge=0, le=1e6, allow_inf_nan=False)]
VuCount = Annotated[int, BeforeValidator(_number), Field(ge=1, le=100_000)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,59}$")]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StageOptions(_Options):
    """A stage: the rate changes linearly to ``target`` (iterations per time unit) in ``duration`` seconds."""

    target: Rate
    duration: Seconds


class ScenarioOptions(_Options):
    """A scenario: the kind of user, the rates, the number of VUs. Durations are in seconds."""

    executor: Literal["ramping-arrival-rate"]
    user: str
    start_rate: Rate = 0.0
    time_unit: PositiveSeconds = 1.0
    pre_allocated_vus: VuCount
    max_vus: VuCount = Field(default_factory=lambda data: data.get("pre_allocated_vus", 1))
    stages: tuple[StageOptions, ...] = Field(min_length=1)
    start_time: Seconds = 0.0
    graceful_stop: Seconds = 30.0
    pause: Seconds = 0.0
    timeout: PositiveSeconds = 60.0

    @model_validator(mode="after")
    def _check_together(self) -> ScenarioOptions:
        if self.max_vus < self.pre_allocated_vus:
            raise ValueError(
                f"expected max_vus of at least pre_allocated_vus ({self.pre_allocated_vus}), "
                f"got {self.max_vus}"
            )
        if sum(stage.duration for stage in self.stages) <= 0:
            raise ValueError("expected stages that last longer than 0s in all")
        return self


class ThresholdOptions(_Options):
    """A threshold in k6's long form. ``delay_abort_eval`` is in seconds."""

    threshold: Annotated[ThresholdExpression, BeforeValidator(parse_expression)]
    abort_on_fail: bool = False
    delay_abort_eval: Seconds = 0.0


def _threshold(value: Any) -> Any:
    return {"threshold": value} if isinstance(value, str) else value


def _metric_selector(source: str) -> str:
    parse_metric_selector(source)
    return source.strip()


Threshold = Annotated[ThresholdOptions, BeforeValidator(_threshold)]
MetricSelector = Annotated[str, AfterValidator(_metric_selector)]


class Profile(_Options):
    """What a run does: scenarios by name, thresholds by metric, outputs in addition to ``--out``.

    ``drain_timeout`` is for how many seconds, after its last iteration, a run waits for what is in the queue.
    """

    outputs: tuple[str, ...] = ()
    drain_timeout: PositiveSeconds = 60.0
    scenarios: dict[Name, ScenarioOptions] = Field(min_length=1)
    thresholds: dict[MetricSelector, tuple[Threshold, ...]] = Field(default_factory=dict)

    def scaled(self, time_scale: float) -> Profile:
        """Return the profile with the same rates over ``time_scale`` times the time.

        Stages, start times and ``delay_abort_eval`` are scaled. Pauses, timeouts and graceful stops are not:
        they decide how many VUs a rate needs, and that must stay comparable.
        """
        scenarios = {
            name: scenario.model_copy(
                update={
                    "start_time": scenario.start_time * time_scale,
                    "stages": tuple(
                        stage.model_copy(update={"duration": stage.duration * time_scale})
                        for stage in scenario.stages
                    ),
                }
            )
            for name, scenario in self.scenarios.items()
        }
        thresholds = {
            metric: tuple(
                threshold.model_copy(update={"delay_abort_eval": threshold.delay_abort_eval * time_scale})
                for threshold in thresholds
            )
            for metric, thresholds in self.thresholds.items()
        }
        return self.model_copy(update={"scenarios": scenarios, "thresholds": thresholds})


@dataclass(frozen=True)
class ProfileText:
    """The TOML text of a profile, and the path it was read from."""

    place: str
    toml: str


def load_profile(name_or_path: str) -> Profile:
    """Read and validate a built-in profile by name, or any profile by path.

    Raises:
        ConfigError: the profile does not exist, cannot be read, is not TOML, or has a wrong option.
    """
    return parse_profile(read_profile(name_or_path))


def read_profile(name_or_path: str) -> ProfileText:
    """Read the text of a built-in profile by name, or of any profile by path.

    Raises:
        ConfigError: the profile does not exist, or cannot be read.
    """
    path = _find(name_or_path)
    try:
        if path.stat().st_size > MOST_PROFILE_BYTES:
            raise ConfigError(f"{path}: expected a profile of at most {MOST_PROFILE_BYTES} bytes")
        return ProfileText(str(path), path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}") from error


def parse_profile(text: ProfileText) -> Profile:
    """Parse and validate a profile.

    Raises:
        ConfigError: the text is not TOML, or an option is wrong.
    """
    place = shown_path(text.place)
    deep = ConfigError(f"{place}: expected tables and keys of at most {_DEEPEST} levels")
    if _DEEP.search(text.toml):
        raise deep
    try:
        return Profile.model_validate(tomllib.loads(text.toml))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{place}: not valid TOML: {visible(str(error))}") from error
    except ValidationError as error:
        raise ConfigError(f"{place}: {_first_problem(error)}") from error
    except RecursionError:
        raise deep from None
    except (ValueError, OverflowError):
        # Python converts no number of more than 4300 digits, and no larger one to a float.
        raise ConfigError(f"{place}: expected numbers of fewer digits") from None


def profile_names() -> list[str]:
    """Return the names of the built-in profiles."""
    return sorted(path.stem for path in PROFILES_FOLDER.glob("*.toml"))


def shown_path(path: str) -> str:
    """Return a path for people: its end, if it is long."""
    text = visible(path[-_LONGEST_PATH:])
    return text if len(path) <= _LONGEST_PATH else f"...{text}"


def _find(name_or_path: str) -> Path:
    looks_like_path = name_or_path.endswith(".toml") or "/" in name_or_path
    path = Path(name_or_path) if looks_like_path else PROFILES_FOLDER / f"{name_or_path}.toml"
    try:
        is_file = path.is_file()
    except OSError:
        # A name that is too long for the file system.
        is_file = False
    if not is_file:
        raise ConfigError(
            f"profile {shown(name_or_path)}: no such profile; expected the path of a .toml file or one of "
            + ", ".join(profile_names())
        )
    return path


def _first_problem(error: ValidationError) -> str:
    # pydantic adds one for each default that it could not make because of another problem.
    problems = [
        problem
        for problem in error.errors(include_url=False)
        if problem["type"] != "default_factory_not_called"
    ]
    first = problems[0]
    place = visible(".".join(str(part) for part in first["loc"] if part != "[key]")[:_LONGEST_PATH])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "unknown option"
    elif first["type"] == "missing":
        message = "required option is missing"
    elif "got" not in message:
        message = f"{message[0].lower()}{message[1:]}, got {shown(first['input'])}"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{place}: {message}{more}" if place else f"{message}{more}"
