"""The VU of an open workload: a Locust user whose wait is the time to its next arrival."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import gevent
from gevent import GreenletExit
from locust import HttpUser, task
from locust.env import Environment

from metrics.catalog import tags
from shapes.clock import Arrival, LookAgain
from users.outcome import Failure, FailureKind
from users.scenario import Scenario
from users.transport import Call, RequestsTransport, Transport

# What a VU sleeps when its scenario has no more arrivals. The stop of the run ends it.
_PARKED_SECONDS = 10 * 365 * 86_400.0


class ArrivalUser(HttpUser):
    """Sends one call per arrival of its scenario.

    A kind of user names its ``kind`` and builds its call; everything else is the same for all. The
    classes that Locust spawns are made per run by ``for_scenario``.
    """

    abstract = True
    kind: ClassVar[str]
    scenario: ClassVar[Scenario]

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)  # type: ignore[no-untyped-call] # Locust declares no types here
        self._arrival: Arrival | None = None
        scenario = self.scenario
        if scenario.sign_in.ca_file is not None:
            self.client.verify = scenario.sign_in.ca_file
        self._transport: Transport = RequestsTransport(
            self.client, scenario.sign_in.authorization, scenario.options.timeout
        )
        self._tags = tags(scenario=scenario.name)
        self._check_name = f"{self.kind} status is 200"
        self._check_tags = tags(scenario=scenario.name, check=self._check_name)

    @classmethod
    def for_scenario(cls, scenario: Scenario) -> type[ArrivalUser]:
        """The class of this scenario's VUs, named after it."""
        return type(scenario.name, (cls,), {"scenario": scenario, "abstract": False})

    @abstractmethod
    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        """The method, the path and the JSON body to send for an arrival."""

    def on_start(self) -> None:
        """Wait for the first arrival: Locust runs a user's first task before its first wait."""
        self.wait()  # type: ignore[no-untyped-call] # nor here

    def on_stop(self) -> None:
        """Account for the arrival that a stopped VU was waiting for, and close its connection."""
        self._give_back()
        self.client.close()

    def wait_time(self) -> float:
        """Take the next arrival and give the seconds until it; the VU is idle from here on."""
        self._give_back()
        self.scenario.clock_started.wait()
        while isinstance(taken := self.scenario.clock.take(), LookAgain):
            gevent.sleep(taken.seconds)
        self._arrival = taken
        if taken is None:
            return _PARKED_SECONDS
        return max(0.0, taken.instant - time.monotonic())

    def _give_back(self) -> None:
        if self._arrival is not None:
            self.scenario.clock.give_back(self._arrival)
            self._arrival = None

    @task
    def iteration(self) -> None:
        """Start the arrival waited for, send its call, hold the VU for the scenario's pause."""
        arrival, self._arrival = self._arrival, None
        lag_seconds = self.scenario.clock.begin(arrival) if arrival else None
        if arrival is None or lag_seconds is None:
            return
        started = time.monotonic()
        self.scenario.store.add("start_lag", lag_seconds * 1000, self._tags)
        try:
            self._send(arrival)
            # k6's sleep() is part of its iteration, so the pause is part of ours.
            if self.scenario.options.pause:
                gevent.sleep(self.scenario.options.pause)
        except GreenletExit:
            self.scenario.clock.interrupt()
            raise
        except Exception as error:
            self._end_iteration(started)
            self._record_check(Failure(FailureKind.EXCEPTION, f"{type(error).__name__}: {error}"))
            raise
        self._end_iteration(started)

    def _end_iteration(self, started: float) -> None:
        self.scenario.clock.complete()
        self.scenario.store.add("iterations", 1, self._tags)
        self.scenario.store.add("iteration_duration", (time.monotonic() - started) * 1000, self._tags)

    def _send(self, arrival: Arrival) -> None:
        scenario = self.scenario
        method, path, body = self.call(arrival)
        context = {
            "scenario": scenario.name,
            "kind": self.kind,
            "check": self._check_name,
            "late_ms": (time.monotonic() - arrival.instant) * 1000,
        }
        self._record_check(self._transport.send(Call(method, path, self.kind, body, context)))

    def _record_check(self, failure: Failure | None) -> None:
        scenario = self.scenario
        scenario.store.add("checks", failure is None, self._check_tags)
        scenario.store.add("errors", failure is not None, self._tags)
        if failure is not None:
            scenario.failures.add(scenario.name, failure)
