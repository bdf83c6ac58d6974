"""One line when Customer.io is away, one when it is back, none for a fault now and then."""

from __future__ import annotations

import logging

import pytest

from pipeline.delivery.reachability import Reachability


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.levelname for record in caplog.records]


def test_a_fault_between_successes_is_not_told(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pipeline")
    reachability = Reachability(clock)
    for _ in range(10):
        clock.now += 4
        reachability.observe_request("503")
        reachability.observe_request("200")
    assert told(caplog) == []


def test_a_long_absence_is_told_once_and_so_is_its_end(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pipeline")
    reachability = Reachability(clock)
    for _ in range(10):
        clock.now += 1
        reachability.observe_request("connection")
    assert told(caplog) == ["WARNING"]
    assert caplog.records[0].__dict__["reason"] == "connection"
    reachability.observe_request("207")
    reachability.observe_request("200")
    assert told(caplog) == ["WARNING", "INFO"]
    assert caplog.records[1].__dict__["away_seconds"] == 10


def test_it_may_be_away_from_the_start_and_again(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pipeline")
    reachability = Reachability(clock)
    for _ in range(2):
        clock.now += 6
        reachability.observe_request("timeout")
        reachability.observe_request("200")
    assert told(caplog) == ["WARNING", "INFO"] * 2
