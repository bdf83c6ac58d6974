"""Locust's statistics are the same, field by field, whether fed by its event or in bulk."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from locust.env import Environment
from locust.exception import CatchResponseError
from locust.stats import StatsEntry

from engine.locust_statistics import LocustStatistics
from metrics.catalog import tags
from metrics.iteration_log import Answers

BEGIN = 1_800_000_000


def own_listener(**_: Any) -> None:
    """Stands for the recorder of a session."""


def new_environment() -> Environment:
    environment = Environment()
    environment.create_local_runner()
    environment.events.request.add_listener(own_listener)
    return environment


def fields(entry: StatsEntry) -> dict[str, Any]:
    """All of an entry, with sums of floats to the precision that their order leaves them."""
    shown = dict(vars(entry))
    for name in ("stats", "start_time"):
        del shown[name]
    for name in ("num_reqs_per_sec", "num_fail_per_sec", "response_times"):
        shown[name] = dict(shown[name])
    shown["total_response_time"] = pytest.approx(shown["total_response_time"], rel=1e-12)
    if entry.response_times_cache is not None:
        shown["response_times_cache"] = {
            second: (dict(cached.response_times), cached.num_requests, cached.num_none_requests)
            for second, cached in entry.response_times_cache.items()
            # The one of the moment in which the entry was made.
            if second < BEGIN + 1000
        }
    return shown


def test_both_ways_leave_the_same_in_every_field(monkeypatch: pytest.MonkeyPatch) -> None:
    one_by_one, in_bulk = new_environment(), new_environment()
    statistics = LocustStatistics(in_bulk, own_listener)
    dice = random.Random(7)
    now = 0.0
    monkeypatch.setattr(time, "time", lambda: now)
    for environment in (one_by_one, in_bulk):
        environment.stats.clear_all()
    now = float(BEGIN)
    for _ in range(30):
        groups: dict[tuple[str, str, str], Answers] = {}
        # A window is not a second of the wall clock: it reaches into the next one or two.
        for _ in range(200):
            now += dice.random() / 80
            name, method = dice.choice([("identify", "PUT"), ("track", "POST")])
            error = dice.choice(["", "", "", "timeout", "5xx server error"])
            duration, length = dice.lognormvariate(3, 3), dice.randrange(100)
            one_by_one.events.request.fire(
                request_type=method,
                name=name,
                response_time=duration,
                response_length=length,
                exception=CatchResponseError(error) if error else None,
                context={},
            )
            group = groups.setdefault((name, method, error), Answers(method, name, "", error, tags()))
            group.durations_ms.append(duration)
            group.lengths.append(length)
            group.times.append(round(now * 1e9))
        statistics.add(list(groups.values()))
    expected, found = one_by_one.stats, in_bulk.stats
    assert fields(found.total) == fields(expected.total)
    assert sorted(found.entries) == sorted(expected.entries) == [("identify", "PUT"), ("track", "POST")]
    for key in expected.entries:
        assert fields(found.entries[key]) == fields(expected.entries[key])
    assert found.errors.keys() == expected.errors.keys()
    for digest, booked in expected.errors.items():
        known = found.errors[digest]
        assert (known.method, known.name, known.occurrences) == (
            booked.method,
            booked.name,
            booked.occurrences,
        )
        assert (known.first_seen, known.last_seen) == pytest.approx((booked.first_seen, booked.last_seen))
        assert known.to_name() == booked.to_name()
    assert found.serialize_errors().keys() == expected.serialize_errors().keys()
    assert found.total.get_response_time_percentile(0.95) == expected.total.get_response_time_percentile(0.95)


def test_the_event_is_wanted_as_soon_as_somebody_else_listens_and_no_longer() -> None:
    environment = new_environment()
    statistics = LocustStatistics(environment, own_listener)
    assert not statistics.is_event_wanted
    assert not statistics.is_event_wanted

    def plugin(**_: Any) -> None:
        """Somebody else's."""

    environment.events.request.add_listener(plugin)
    assert statistics.is_event_wanted
    environment.events.request.remove_listener(plugin)
    assert not statistics.is_event_wanted


def test_the_only_listener_of_locust_itself_is_the_one_that_feeds_its_statistics() -> None:
    """A version of Locust that names it otherwise, or adds another, is to be noticed here."""
    environment = Environment()
    environment.create_local_runner()
    (listener,) = environment.events.request._handlers
    assert listener.__qualname__ == "Runner.__init__.<locals>.on_request"
    assert not LocustStatistics(environment, own_listener).is_event_wanted
