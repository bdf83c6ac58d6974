"""Locust's own statistics, fed in bulk in place of once per request.

Locust listens to its ``request`` event and books each request twice, in its entry and in the total: with
the event itself that takes 4 to 5 us. Where nobody else listens the event is not fired. What was sent
meanwhile is booked here in bulk (0.2 to 0.3 us a request), as one event per request would have been.

This module is the only one that writes to Locust's statistics.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from locust import stats as locust_stats
from locust.env import Environment
from locust.exception import CatchResponseError
from locust.stats import StatsEntry, StatsError

from engine.locust_internals.statistics import cache_response_times, other_listeners, request_listeners
from metrics.iteration_log import Answers

_NANOSECONDS = 1_000_000_000


class LocustStatistics:
    """Books requests in one Locust environment.

    Args:
        environment: Locust's; its statistics are looked up anew each time, for Locust replaces them.
        own_listener: a listener of the ``request`` event that does without it, our recorder of metrics.
    """

    def __init__(self, environment: Environment, own_listener: Callable[..., Any]) -> None:
        self._environment = environment
        self._own_listener = own_listener
        # Locust's own list, which it changes in place.
        self._listeners = request_listeners(environment)
        self._known: list[Any] = []

    @property
    def is_event_wanted(self) -> bool:
        """Whether anybody else listens to the ``request`` event, so that it must be fired per request."""
        if self._listeners == self._known:
            return False
        others = other_listeners(self._environment, self._own_listener)
        if not others:
            self._known = list(self._listeners)
        return bool(others)

    def add(self, answers: Sequence[Answers]) -> None:
        """Book requests, each as of when it ended."""
        stats = self._environment.stats
        of_all: list[_Slice] = []
        of_entries: dict[tuple[str, str], list[_Slice]] = {}
        for group in answers:
            slices = list(_slices(group))
            of_all += slices
            of_entries.setdefault((group.name, group.method), []).extend(slices)
        _log_requests(stats.total, of_all)
        for key, slices in of_entries.items():
            _log_requests(stats.entries[key], slices)
        for group in answers:
            if group.error:
                self._log_errors(group)

    def _log_errors(self, failed: Answers) -> None:
        stats = self._environment.stats
        entry = stats.entries[failed.name, failed.method]
        for second, count in Counter(at // _NANOSECONDS for at in failed.times).items():
            for booked in (stats.total, entry):
                booked.num_failures += count
                booked.num_fail_per_sec[second] += count
        # What response.failure() of Locust's session makes of a reason.
        error = CatchResponseError(failed.error)
        key = StatsError.create_key(failed.method, failed.name, error)
        known = stats.errors.setdefault(key, StatsError(failed.method, failed.name, error))
        known.occurrences += len(failed.times)
        known.first_seen = known.first_seen or failed.times[0] / _NANOSECONDS
        known.last_seen = failed.times[-1] / _NANOSECONDS


@dataclass(frozen=True)
class _Slice:
    """The requests of one entry that ended alike within one second; added up once, booked twice."""

    second: int
    count: int
    last: float
    total_ms: float
    least_ms: float
    greatest_ms: float
    buckets: Mapping[int, int]
    length: int

    @classmethod
    def of(cls, answers: Answers, begin: int, end: int) -> _Slice:
        durations = answers.durations_ms[begin:end]
        return cls(
            second=answers.times[begin] // _NANOSECONDS,
            count=end - begin,
            last=answers.times[end - 1] / _NANOSECONDS,
            total_ms=sum(durations),
            least_ms=min(durations),
            greatest_ms=max(durations),
            # Looked up each time: Locust's documentation invites to replace it.
            buckets=Counter(map(locust_stats.bucket_response_time, durations)),
            length=sum(answers.lengths[begin:end]),
        )


def _slices(answers: Answers) -> Iterator[_Slice]:
    """A window may reach into two seconds or more of the wall clock."""
    begin = 0
    while begin < len(answers.times):
        next_second = (answers.times[begin] // _NANOSECONDS + 1) * _NANOSECONDS
        end = max(begin + 1, bisect_left(answers.times, next_second, lo=begin))
        yield _Slice.of(answers, begin, end)
        begin = end


def _log_requests(entry: StatsEntry, slices: Iterable[_Slice]) -> None:
    """Do what ``StatsEntry.log`` does for each request, second by second."""
    for part in sorted(slices, key=lambda part: part.second):
        last = entry.last_request_timestamp
        if entry.use_response_times_cache and last and part.second > int(last):
            cache_response_times(entry, part.second - 1)
        entry.num_requests += part.count
        entry.num_reqs_per_sec[part.second] += part.count
        entry.last_request_timestamp = max(last or 0.0, part.last)
        # Locust says int, and adds floats as well.
        entry.total_response_time += part.total_ms  # type: ignore[assignment]
        least = (
            part.least_ms if entry.min_response_time is None else min(entry.min_response_time, part.least_ms)
        )
        entry.min_response_time = least  # type: ignore[assignment]
        entry.max_response_time = max(entry.max_response_time, part.greatest_ms)  # type: ignore[assignment]
        for bucket, count in part.buckets.items():
            entry.response_times[bucket] += count
        entry.total_content_length += part.length
