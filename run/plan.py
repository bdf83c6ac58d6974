"""The plan of a run in figures, for the user to read before it starts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from config.customerio.limits import published_limits
from config.durations import format_duration
from config.profile import Profile
from shapes.schedule import Schedule, schedule_of
from users.arrival_user import ArrivalUser

MOST_SECONDS = 366 * 86_400.0
"""The longest run. A longer one is a slip of the pen, and its numbers soon lose their last digits."""

_Timed = tuple[float, Schedule]
"""A scenario's start time in seconds, and its schedule."""

# Seconds by which to look before an instant, to find the rate just before a jump.
_BEFORE = 1e-9


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
    def sent(self) -> str:
        """What is sent: requests, or messages alone."""
        return "requests" if self.sends_requests else "messages"

    def describe(self) -> str:
        """Return the plan in one line."""
        scenarios = f"{self.scenarios} scenario" + ("s" if self.scenarios != 1 else "")
        return (
            f"{scenarios}, {format_duration(self.seconds)}, {self.requests} {self.sent}, "
            f"peak {self.peak_rate:g}/s, {f'up to {self.people}' if self.people else 'no new'} people"
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
    timed = [(options.start_time, schedule_of(options)) for options in profile.scenarios.values()]
    seconds = max(start + schedule.duration for start, schedule in timed)
    if not seconds <= MOST_SECONDS:
        raise ValueError(f"expected a run of at most {MOST_SECONDS / 86_400:.0f} days")
    borders = {
        start + at
        for (start, _), options in zip(timed, profile.scenarios.values(), strict=True)
        for at in _borders(stage.duration for stage in options.stages)
    }
    instants = borders | {border - _BEFORE for border in borders}
    highest, objects = 0, 0
    for name, (_, schedule) in zip(profile.scenarios, timed, strict=True):
        kind = user_classes[name]
        number = kind.people_in(schedule.total)
        highest = max(highest, number)
        objects = max(objects, kind.objects_of(_bounded(number, people_budget)))
    by_limit: dict[str, list[_Timed]] = {}
    for name, scenario in zip(profile.scenarios, timed, strict=True):
        limit = user_classes[name].published_limit
        if limit is not None:
            by_limit.setdefault(limit, []).append(scenario)
    return Plan(
        scenarios=len(timed),
        requests=sum(schedule.total for _, schedule in timed),
        # Person n is the same one in every scenario, so the most are all.
        people=_bounded(highest, people_budget),
        peak_rate=_peak_rate(timed, instants),
        seconds=seconds,
        highest_person=highest,
        peak_rates={limit: _peak_rate(of_limit, instants) for limit, of_limit in by_limit.items()},
        objects=objects,
        sends_requests=not all(user_classes[name].uses_queue for name in profile.scenarios),
    )


def _bounded(people: int, budget: int | None) -> int:
    return people if budget is None else min(people, budget)


def _peak_rate(timed: Sequence[_Timed], instants: Collection[float]) -> float:
    return round(max(sum(schedule.rate_at(t - start) for start, schedule in timed) for t in instants), 3)


def _against(name: str, peak_rate: float) -> str:
    limit = published_limits()[name]
    if name == "app_broadcast_gap_seconds":
        share, value = peak_rate * limit.value, f"one in {limit.value}"
    else:
        share, value = peak_rate / limit.value, f"{limit.value}"
    return f"peak {peak_rate:g}/s is {share:.0%} of {value} {limit.unit} ({limit.source}; read {limit.read})"


def _borders(durations: Iterable[float]) -> list[float]:
    borders = [0.0]
    for duration in durations:
        borders.append(borders[-1] + duration)
    return borders
