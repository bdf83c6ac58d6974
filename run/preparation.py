"""Prepares a run from arguments and settings, and finds every mistake in them before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.abort_bounds import AbortBounds
from config.errors import ConfigError
from config.load_test_people import LIVE_PEOPLE_BUDGET, MARK
from config.people_record import PeopleRecord
from config.profile import Profile, ProfileText, parse_profile, read_profile, shown_path
from config.settings import Settings
from config.threshold_grammar import ThresholdExpression
from metrics.catalog import Metric, catalog_of
from metrics.iteration_log import Answers
from metrics.store import MetricStore
from metrics.thresholds import check_metric, check_threshold
from run.arguments import Arguments
from run.folder import check_file_writable, check_writable
from run.plan import Plan, plan_of
from run.target import Target, choose_target
from users.arrival_user import ArrivalUser
from users.kinds import Kinds


@dataclass(frozen=True)
class Preparation:
    """A run that can be opened: its profile is scaled, its target is allowed.

    ``user_classes`` maps each scenario to its kind of user; ``catalog`` has every metric of the run.
    """

    arguments: Arguments
    profile_text: ProfileText
    profile: Profile
    user_classes: Mapping[str, type[ArrivalUser]]
    catalog: Mapping[str, Metric]
    target: Target
    plan: Plan

    @property
    def graceful_stop_seconds(self) -> float:
        """For how many seconds iterations in flight may continue when a run is stopped early."""
        return max(scenario.graceful_stop for scenario in self.profile.scenarios.values())

    @property
    def uses_queue(self) -> bool:
        """Whether a scenario puts messages into the queue."""
        return any(self.user_classes[name].uses_queue for name in self.profile.scenarios)

    @property
    def people_budget(self) -> int | None:
        """The most people that the run may create; ``None`` for one per arrival."""
        return _people_budget(self.arguments, self.target)

    @property
    def abort_bounds(self) -> AbortBounds | None:
        """The bounds of the abort switch: the profile's, or on a live workspace the defaults."""
        return self.profile.abort or (AbortBounds() if self.target.is_live else None)

    def people_record(self, run_id: str, base_url: str, environment_id: str | None) -> PeopleRecord:
        """Return the record of everybody whom the run may create."""
        return PeopleRecord(
            run_id=run_id,
            base_url=base_url,
            environment_id=environment_id,
            people=self.plan.highest_person,
            budget=self.people_budget,
            further_ids=(first_message_person(run_id),) if self.uses_queue else (),
            objects=self.plan.objects,
        )

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs that profile and arguments name, each once."""
        return tuple(dict.fromkeys((*self.profile.outputs, *self.arguments.outputs)))

    def new_store(self, on_answers: Callable[[Sequence[Answers]], None] | None = None) -> MetricStore:
        """Return an empty store for the run's metrics, with the sub-metrics that thresholds ask for."""
        return MetricStore(self.profile.thresholds, self.catalog, on_answers)

    def record(self, run_id: str, base_url: str) -> dict[str, Any]:
        """Return the settings of the run, for its folder. They contain no secret."""
        return {
            "run_id": run_id,
            "target": ", ".join(self.target.urls(base_url)),
            "is_standin": self.target.is_standin,
            "arguments": self.arguments.as_dict(),
            "http_client": self.arguments.http_client.value if self.plan.sends_requests else None,
            "plan": self.plan.describe(),
            "profile": self.profile.model_dump(mode="json"),
        }


def prepare(
    arguments: Arguments,
    settings: Settings,
    host: str | None,
    kinds: Kinds,
    profile_text: ProfileText | None = None,
    only: Collection[str] | None = None,
    *,
    is_dry: bool = False,
    receiver_url: str | None = None,
) -> Preparation:
    """Prepare a run, and check everything that can be checked without sending.

    Args:
        arguments: the arguments of the run.
        settings: the target and its credentials.
        host: ``--host``, or the host of the web UI's form.
        kinds: the kinds of user that exist.
        profile_text: the profile's text from the master, in place of the profile that the arguments name.
        only: the names of the scenarios to run, if the master has chosen them.
        is_dry: whether nothing may be written, not even to check whether it can be.
        receiver_url: of the receiver of webhooks that the run has started itself, if it has.

    Raises:
        ConfigError: all mistakes of the profile, or the first other mistake that was found.
    """
    profile_text = profile_text or read_profile(arguments.profile)
    folder = Path(profile_text.place).parent
    profile = parse_profile(profile_text, _Checks(kinds, folder))
    user_classes = {name: kinds.find(scenario.user, folder) for name, scenario in profile.scenarios.items()}
    catalog = catalog_of(kinds.senders)
    if only is None:
        only = [name for name, user_class in user_classes.items() if kinds.is_chosen(user_class)]
    profile = _limited_to(profile, only).scaled(arguments.time_scale)
    _check_env(profile, user_classes, profile_text.place)
    target = choose_target(
        settings,
        host,
        allow_live=arguments.allow_live,
        apis={user_classes[name].api for name in profile.scenarios},
        receiver_url=receiver_url,
    )
    try:
        plan = plan_of(profile, user_classes, _people_budget(arguments, target))
    except ValueError as error:
        raise ConfigError(f"{profile_text.place} at time scale {arguments.time_scale:g}: {error}") from error
    if not is_dry:
        check_writable(arguments.results_dir)
    if arguments.summary_export is not None:
        check_file_writable(arguments.summary_export, "--summary-export")
    return Preparation(arguments, profile_text, profile, user_classes, catalog, target, plan)


def first_message_person(run_id: str) -> str:
    """Return the id of the person whom a queue's first message is about, which no arrival sends."""
    return f"{MARK}{run_id}-first"


def _people_budget(arguments: Arguments, target: Target) -> int | None:
    if arguments.people_budget is None and target.is_live:
        return LIVE_PEOPLE_BUDGET
    return arguments.people_budget


@dataclass(frozen=True)
class _Checks:
    """What a profile's users and thresholds are checked against.

    ``folder`` is the profile's. The catalog has the metrics of all kinds that are known by then.
    """

    kinds: Kinds
    folder: Path

    def check_user(self, user: str) -> None:
        self.kinds.find(user, self.folder)

    def check_metric(self, name: str) -> None:
        check_metric(name, catalog_of(self.kinds.senders))

    def check_threshold(self, selector: str, expression: ThresholdExpression) -> None:
        check_threshold(selector, expression, catalog_of(self.kinds.senders))


def _check_env(profile: Profile, user_classes: Mapping[str, type[ArrivalUser]], place: str) -> None:
    """Check the variables of each scenario: its kind of user must know them and accept their values."""
    for name, options in profile.scenarios.items():
        try:
            user_classes[name].read_env(options.env)
        except ValueError as error:
            raise ConfigError(f"{shown_path(place)}: scenarios.{name}.env: {error}") from error


def _limited_to(profile: Profile, names: Collection[str]) -> Profile:
    scenarios = {name: scenario for name, scenario in profile.scenarios.items() if name in names}
    if not scenarios:
        raise ConfigError("the profile has no scenario of the named user classes; expected at least one")
    return profile.model_copy(update={"scenarios": scenarios})
