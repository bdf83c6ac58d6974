"""The plan of a run in figures, for the user to read before it starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from config.customerio.limits import published_limits
from config.durations import format_duration
from config.profile import Profile
from users.arrival_user import ArrivalUser
from users.scenario import schedule_of

MOST_SECONDS = 366 * 86_400.0
"""The longest run. A longer one is a slip of the pen, and its numbers soon lose their last digits."""

# Seconds by which to look before an instant, to find the rate just before a jump.
_BEFORE = 1e-9


@dataclass(frozen=True)
class Plan:
    """A profile in figures: rates in requests/s, the length in seconds without the graceful stop.

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
            f"peak {self.peak_rate:g}/s, up to {self.people} people"
        )

    def against_limits(self) -> list[str]:
        """Return a line for each published rate limit, with the peak rate in percent of it.

        There is none for messages alone: the queue's workers send them in batches, and wait for the limit.
        """
        if not self.sends_requests:
            return []
        lines = []
        for name in ("track_requests_per_second", "track_requests_per_second_older"):
            limit = published_limits()[name]
            share = self.peak_rate / limit.value
            lines.append(
                f"peak {self.peak_rate:g}/s is {share:.0%} of {limit.value} {limit.unit} "
                f"({limit.source}; read {limit.read})"
            )
        return lines


def plan_of(
    profile: Profile, user_classes: Mapping[str, type[ArrivalUser]], people_budget: int | None = None
) -> Plan:
    """Return the plan of a profile that is already scaled.

    Args:
        profile: the profile.
        user_classes: for each scenario its kind of user, which knows how many people its arrivals are about.
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
    return Plan(
        scenarios=len(timed),
        requests=sum(schedule.total for _, schedule in timed),
        # Person n is the same one in every scenario, so the most are all.
        people=_bounded(highest, people_budget),
        peak_rate=round(
            max(sum(schedule.rate_at(t - start) for start, schedule in timed) for t in instants), 3
        ),
        seconds=seconds,
        highest_person=highest,
        objects=objects,
        sends_requests=not all(user_classes[name].uses_queue for name in profile.scenarios),
    )


def _bounded(people: int, budget: int | None) -> int:
    return people if budget is None else min(people, budget)


def _borders(durations: Iterable[float]) -> list[float]:
    borders = [0.0]
    for duration in durations:
        borders.append(borders[-1] + duration)
    return borders
