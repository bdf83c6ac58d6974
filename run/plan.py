"""The plan of a run in figures, for the user to read before it starts."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import accumulate

from config.customerio.limits import published_limits
from config.durations import format_duration
from config.profile import Profile
from shapes.rate_options import schedule_of
from shapes.schedule import Schedule
from users.arrival_user import ArrivalUser

MOST_SECONDS = 366 * 86_400.0
"""The longest run. A longer one is a slip of the pen, and its numbers soon lose their last digits."""

_Timed = tuple[float, Schedule]
"""A scenario's start time in seconds of the run, and its schedule."""

# How far beside the border of a stage to look for the rate on that side of it. Far enough that rounding does
# not lead back across the border: a sum of durations is exact to some units in its last place.
_BESIDE_SECONDS = 1e-9
_BESIDE_ULPS = 16


@dataclass(frozen=True)
class Plan:
    """A profile in figures: rates in requests/s, the length in seconds without the graceful stop.

    ``peak_rates`` has the peak of the requests that count against each published limit, by the limit's name.
    ``sends_requests`` is whether requests to Customer.io are among them, not messages into a queue alone.
    ``people`` is the most that can be created, ``highest_person`` the highest number: with a people budget,
    several numbers are one person. ``objects`` count as people on the bill.
    """

    scenarios: int
    requests: int
    people: int
    peak_rate: float
    seconds: float
    highest_person: int
    peak_rates: Mapping[str, float]
    objects: int = 0
    sends_requests: bool = True

    @property
    def what_is_sent(self) -> str:
        """``requests``, or ``messages`` if all go into a queue."""
        return "requests" if self.sends_requests else "messages"

    def describe(self) -> str:
        """Return the plan in one line."""
        scenarios = f"{self.scenarios} scenario" + ("s" if self.scenarios != 1 else "")
        people = f"up to {self.people}" if self.people else "no new"
        return (
            f"{scenarios}, {format_duration(self.seconds)}, {self.requests} {self.what_is_sent}, "
            f"peak {self.peak_rate:g}/s, {people} people"
        )

    def against_limits(self) -> list[str]:
        """Return a line for each published rate limit that counts, with the peak rate in percent of it.

        None does for messages: the queue's workers send them in batches, and wait for the limit.
        """
        lines = []
        for name, peak_rate in self.peak_rates.items():
            lines.append(_against(name, peak_rate))
            if name == "track_requests_per_second":
                lines.append(_against(f"{name}_older", peak_rate))
        return lines


def plan_of(
    profile: Profile, user_classes: Mapping[str, type[ArrivalUser]], people_budget: int | None = None
) -> Plan:
    """Return the plan of a profile that is already scaled.

    Args:
        profile: the profile.
        user_classes: for each scenario its kind of user, which knows how many people its arrivals may create,
            and against which limit they count.
        people_budget: the most people, if there is such a limit.

    Raises:
        ValueError: it is longer than a year, or longer than a number can say.
    """
    timed = {name: (options.start_time, schedule_of(options)) for name, options in profile.scenarios.items()}
    kinds = {name: user_classes[name] for name in profile.scenarios}
    seconds = max(start + schedule.duration for start, schedule in timed.values())
    if not seconds <= MOST_SECONDS:
        raise ValueError(f"expected a run of at most {MOST_SECONDS / 86_400:.0f} days")
    # Person n is the same one in every scenario, so the most that a scenario has are all.
    people_in = {name: kinds[name].people_in(schedule.total) for name, (_, schedule) in timed.items()}
    highest_person = max(people_in.values())
    instants = _instants_of_peaks(profile)
    by_limit: dict[str, list[_Timed]] = {}
    for name, kind in kinds.items():
        if kind.published_limit is not None:
            by_limit.setdefault(kind.published_limit, []).append(timed[name])
    return Plan(
        scenarios=len(timed),
        requests=sum(schedule.total for _, schedule in timed.values()),
        people=_bounded(highest_person, people_budget),
        peak_rate=_peak_rate(timed.values(), instants),
        seconds=seconds,
        highest_person=highest_person,
        peak_rates={limit: _peak_rate(of_limit, instants) for limit, of_limit in by_limit.items()},
        objects=max(kinds[name].objects_of(_bounded(n, people_budget)) for name, n in people_in.items()),
        sends_requests=not all(kind.uses_queue for kind in kinds.values()),
    )


def _bounded(people: int, budget: int | None) -> int:
    return people if budget is None else min(people, budget)


def _instants_of_peaks(profile: Profile) -> set[float]:
    """Return the seconds of the run among which the sum of any scenarios' rates is highest.

    Between the borders of stages every rate is linear, and so is a sum of them: it is highest at a border.
    A border may be a jump, and its own instant may round to either side of it.
    """
    borders = {
        border
        for options in profile.scenarios.values()
        for border in accumulate((stage.duration for stage in options.stages), initial=options.start_time)
    }
    beside = {border: max(_BESIDE_SECONDS, _BESIDE_ULPS * math.ulp(border)) for border in borders}
    return {border + offset for border, seconds in beside.items() for offset in (-seconds, 0.0, seconds)}


def _peak_rate(timed: Collection[_Timed], instants: Collection[float]) -> float:
    return round(max(sum(schedule.rate_at(t - start) for start, schedule in timed) for t in instants), 3)


def _against(name: str, peak_rate: float) -> str:
    limit = published_limits()[name]
    if name == "app_broadcast_gap_seconds":
        share, value = peak_rate * limit.value, f"one in {limit.value}"
    else:
        share, value = peak_rate / limit.value, f"{limit.value}"
    return f"peak {peak_rate:g}/s is {share:.0%} of {value} {limit.unit} ({limit.source}; read {limit.read})"
