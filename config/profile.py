"""Profiles: scenarios, stages and thresholds, read from TOML and validated.

The option names are k6's in snake_case. pydantic validates them, because its errors name an option by its
keys (``scenarios.identify_load.start_rate``), and a user needs those to find it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from config.abort_bounds import AbortBounds
from config.errors import ConfigError
from config.k6_options import in_k6s_names, profile_of_k6_options
from config.nearest import did_you_mean, nearest
from config.profile_mistakes import mistakes_of
from config.profile_names import PROFILES_FOLDER, profile_names
from config.profile_values import Name, Options, PositiveSeconds, ProfileChecks, Seconds
from config.scenario_options import (
    CONSTANT,
    RAMPING,
    ConstantArrivalRate,
    RampingArrivalRate,
    Scenario,
    StageOptions,
)
from config.shown import LONGEST_PATH, shown, visible
from config.threshold_grammar import ThresholdExpression, parse_expression, parse_metric_selector

_JSON = ".json"

MOST_PROFILE_BYTES = 1_000_000
"""A profile travels to every worker in one message. The largest one here has less than 2 kB."""

# Python's parser takes quadratic time for a key of many parts, and a level of its stack for each bracket.
_DEEPEST = 20
# Of a word only its start is tried: from each letter on, the search itself would take quadratic time.
_KEY_PART = r"""(?>(?<![\w-])[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*"""
_DEEP = re.compile(rf"(?>{_KEY_PART}){{{_DEEPEST}}}|(?>[\[{{][\s]*){{{_DEEPEST}}}")


class ThresholdOptions(Options):
    """A threshold in k6's long form. ``delay_abort_eval`` is in seconds."""

    threshold: Annotated[ThresholdExpression, BeforeValidator(parse_expression)]
    abort_on_fail: bool = False
    delay_abort_eval: Seconds = 0.0


@dataclass(frozen=True)
class _OfMetric:
    """A threshold as the profile has it, and the metric that it is for."""

    selector: str
    value: Any


def _with_their_metrics(thresholds: Any) -> Any:
    """Let each threshold know its metric, which decides what it may ask."""
    if not isinstance(thresholds, dict):
        return thresholds
    return {
        selector: [_OfMetric(selector, value) for value in values] if isinstance(values, list) else values
        for selector, values in thresholds.items()
    }


def _threshold(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> ThresholdOptions:
    selector, value = (value.selector, value.value) if isinstance(value, _OfMetric) else (None, value)
    options: ThresholdOptions = handler({"threshold": value} if isinstance(value, str) else value)
    if info.context is not None and selector is not None:
        checks: ProfileChecks = info.context
        checks.check_threshold(selector, options.threshold)
    return options


def _metric_selector(source: str, info: ValidationInfo) -> str:
    name, _ = parse_metric_selector(source)
    if info.context is not None:
        checks: ProfileChecks = info.context
        checks.check_metric(name)
    return source.strip()


Threshold = Annotated[ThresholdOptions, WrapValidator(_threshold)]
MetricSelector = Annotated[str, AfterValidator(_metric_selector)]


class Profile(Options):
    """What a run does: scenarios by name, thresholds by metric, outputs in addition to ``--out``.

    ``drain_timeout`` is for how many seconds, after its last iteration, a run waits for what is in the queue.
    ``abort`` switches the abort switch on, which a run on a live workspace has without it too.
    """

    outputs: tuple[str, ...] = ()
    drain_timeout: PositiveSeconds = 60.0
    abort: AbortBounds | None = None
    scenarios: dict[Name, Scenario] = Field(min_length=1)
    thresholds: Annotated[
        dict[MetricSelector, tuple[Threshold, ...]], BeforeValidator(_with_their_metrics)
    ] = Field(default_factory=dict)

    def scaled(self, time_scale: float) -> Profile:
        """Return the profile with the same rates over ``time_scale`` times the time.

        Stages, start times and ``delay_abort_eval`` are scaled. Pauses, timeouts and graceful stops are not:
        they decide how many VUs a rate needs, and that must stay comparable.
        """
        scenarios = {name: scenario.scaled(time_scale) for name, scenario in self.scenarios.items()}
        thresholds = {
            metric: tuple(
                threshold.model_copy(update={"delay_abort_eval": threshold.delay_abort_eval * time_scale})
                for threshold in thresholds
            )
            for metric, thresholds in self.thresholds.items()
        }
        return self.model_copy(update={"scenarios": scenarios, "thresholds": thresholds})


_MODELS: Mapping[str, type[BaseModel]] = {
    "": Profile,
    "abort": AbortBounds,
    RAMPING: RampingArrivalRate,
    CONSTANT: ConstantArrivalRate,
    "stages": StageOptions,
    "thresholds": ThresholdOptions,
}
"""Which options there are, by the last part of a place that is one of these."""


@dataclass(frozen=True)
class ProfileText:
    """The TOML text of a profile, and the path it was read from.

    A profile that was made of k6's options has a line for each of those that were ``left_out``.
    """

    place: str
    toml: str
    left_out: tuple[str, ...] = ()

    @property
    def is_of_k6(self) -> bool:
        """Whether the file has k6's options."""
        return self.place.endswith(_JSON)


def load_profile(name_or_path: str) -> Profile:
    """Read and validate a built-in profile by name, or any profile by path.

    Raises:
        ConfigError: the profile does not exist, cannot be read, is not TOML, or has a wrong option.
    """
    return parse_profile(read_profile(name_or_path))


def read_profile(name_or_path: str) -> ProfileText:
    """Read the text of a built-in profile by name, or of any profile by path; JSON has the options of k6.

    Raises:
        ConfigError: the profile does not exist, cannot be read, or is no such JSON.
    """
    path = _find(name_or_path)
    try:
        if path.stat().st_size > MOST_PROFILE_BYTES:
            raise ConfigError(f"{path}: expected a profile of at most {MOST_PROFILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}") from error
    if path.suffix != _JSON:
        return ProfileText(str(path), text)
    toml, left_out = profile_of_k6_options(text, shown_path(str(path)))
    return ProfileText(str(path), toml, tuple(left_out))


def parse_profile(text: ProfileText, checks: ProfileChecks | None = None) -> Profile:
    """Parse and validate a profile.

    Args:
        text: the profile.
        checks: what else to check, if the kinds of user are known.

    Raises:
        ConfigError: the text is not TOML, or options are wrong: all of them are named.
    """
    place = shown_path(text.place)
    deep = ConfigError(f"{place}: expected tables and keys of at most {_DEEPEST} levels")
    if _DEEP.search(text.toml):
        raise deep
    try:
        return Profile.model_validate(tomllib.loads(text.toml), context=checks)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{place}: not valid TOML: {visible(str(error))}") from error
    except ValidationError as error:
        mistakes = mistakes_of(error, _MODELS)
        raise ConfigError(place, [*map(in_k6s_names, mistakes)] if text.is_of_k6 else mistakes) from error
    except RecursionError:
        raise deep from None
    except (ValueError, OverflowError):
        # Python converts no number of more than 4300 digits, and no larger one to a float.
        raise ConfigError(f"{place}: expected numbers of fewer digits") from None


def shown_path(path: str) -> str:
    """Return a path for people: its end, if it is long."""
    text = visible(path[-LONGEST_PATH:])
    return text if len(path) <= LONGEST_PATH else f"...{text}"


def _find(name_or_path: str) -> Path:
    if name_or_path.endswith((".js", ".ts")):
        raise ConfigError(
            f"profile {shown(name_or_path)}: expected the options of a script, not the script: "
            "k6 inspect SCRIPT > options.json, then --profile options.json"
        )
    looks_like_path = name_or_path.endswith((".toml", _JSON)) or "/" in name_or_path
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
            + did_you_mean(nearest(name_or_path, profile_names()))
        )
    return path
