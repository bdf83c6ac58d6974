"""From arguments and settings to what a run will do, with every mistake found before anything is sent."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from config.errors import ConfigError
from config.profile import Profile, ProfileText, parse_profile, read_profile
from config.settings import Settings
from metrics.thresholds import check_thresholds
from run.arguments import Arguments
from run.folder import check_writable
from run.plan import Plan, plan_of
from run.target import Target, choose_target


@dataclass(frozen=True)
class Preparation:
    """A run that can be opened: its profile is scaled, its target is allowed."""

    arguments: Arguments
    profile_text: ProfileText
    profile: Profile
    target: Target
    plan: Plan

    @property
    def graceful_stop_seconds(self) -> float:
        """How long iterations in flight may go on when a run ends before its time."""
        return max(one.graceful_stop for one in self.profile.scenarios.values())

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs that the profile and the arguments ask for, each once."""
        return tuple(dict.fromkeys((*self.profile.outputs, *self.arguments.outputs)))

    def record(self, run_id: str, base_url: str) -> dict[str, Any]:
        """What the run ran with, for its folder; no secrets."""
        return {
            "run_id": run_id,
            "target": base_url,
            "is_standin": self.target.base_url is None,
            "arguments": self.arguments.as_dict(),
            "plan": self.plan.describe(),
            "profile": self.profile.model_dump(mode="json"),
        }


def prepare(
    arguments: Arguments,
    settings: Settings,
    host: str | None,
    known_kinds: Collection[str],
    chosen_kinds: Collection[str],
    profile_text: ProfileText | None = None,
) -> Preparation:
    """Check everything about a run that can be checked without sending.

    Args:
        host: ``--host`` or what the web UI's form says in its place.
        known_kinds: the kinds of user that exist.
        chosen_kinds: those named on the command line; scenarios of other kinds are left out.
        profile_text: a profile from elsewhere, in place of the one that the arguments name.

    Raises:
        ConfigError: the first thing that is not as expected.
    """
    profile_text = profile_text or read_profile(arguments.profile)
    profile = parse_profile(profile_text)
    check_thresholds(profile)
    profile = _with_kinds(profile, known_kinds, chosen_kinds).scaled(arguments.time_scale)
    try:
        plan = plan_of(profile)
    except ValueError as error:
        raise ConfigError(f"{profile_text.place} at time scale {arguments.time_scale:g}: {error}") from error
    target = choose_target(settings, host, allow_live=arguments.allow_live)
    check_writable(arguments.results_dir)
    return Preparation(arguments, profile_text, profile, target, plan)


def _with_kinds(profile: Profile, known: Collection[str], chosen: Collection[str]) -> Profile:
    for name, scenario in profile.scenarios.items():
        if scenario.user not in known:
            raise ConfigError(
                f"scenarios.{name}.user: no such user {scenario.user!r}; "
                f"expected one of {', '.join(sorted(known))}"
            )
    scenarios = {name: one for name, one in profile.scenarios.items() if one.user in chosen}
    if not scenarios:
        raise ConfigError(f"the profile has no scenario for the chosen users ({', '.join(sorted(chosen))})")
    return profile.model_copy(update={"scenarios": scenarios})
