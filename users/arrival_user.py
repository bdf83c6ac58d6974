"""The VU of an open workload: a Locust user whose wait is the time to its next arrival."""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import gevent
from gevent import GreenletExit
from locust import HttpUser, task
from locust.env import Environment

from config.customerio.hosts import Api
from config.guarded_session import guard_session
from config.shown import shown
from metrics.iteration_log import IterationLog
from shapes.clock import Arrival, LookAgain
from users.answer_text import AnswerText
from users.http.client import Site
from users.http.factory import new_transport
from users.http.prepared import WriteRequest
from users.http.transport import FastTransport, PreparedSender
from users.outcome import Failure, FailureKind
from users.scenario import Scenario
from users.transport import Call
from users.waking import process_waker

# What a VU sleeps when its scenario has no more arrivals. The stop of the run ends it.
_PARKED_SECONDS = 10 * 365 * 86_400.0


class ArrivalUser(HttpUser):
    """Sends one call per arrival of its scenario.

    A kind of user is a subclass with a ``kind`` and a ``call``; all else has a default. The classes that
    Locust spawns are made per run by ``for_scenario``.

    Attributes:
        kind: names the kind in profiles, and its metrics.
        check: names the check that each iteration makes.
        api: what the calls go to.
        published_limit: what they count against, by its name in ``limits.toml``.
        may_trigger: what they can set off, as the plan of a live run says it.
        uses_queue: whether it sends no requests, but puts messages into the scenario's queue.
        env: the variables that a scenario may set, each with its default.
        most_request_seconds: bounds a request, whatever the scenario's timeout is.
        method: of requests that ``prepare`` writes beforehand.
        prepared_call: the ``call`` that describes those requests. In a subclass that overrides ``call`` or
            ``headers`` they are not used.
        variables: ``env`` with the values that the scenario sets.
        scenario: the VU's scenario.
        log: where its iterations are recorded.
    """

    abstract = True
    kind: ClassVar[str]
    check: ClassVar[str] = ""
    api: ClassVar[Api] = Api.TRACK
    published_limit: ClassVar[str | None] = "track_requests_per_second"
    may_trigger: ClassVar[str] = "campaigns on events, attributes and segments"
    uses_queue: ClassVar[bool] = False
    env: ClassVar[Mapping[str, str]] = {}
    most_request_seconds: ClassVar[float] = math.inf
    method: ClassVar[str] = ""
    prepared_call: ClassVar[Callable[..., Any] | None] = None
    variables: ClassVar[Mapping[str, str]]
    scenario: ClassVar[Scenario]
    log: ClassVar[IterationLog]
    _write: ClassVar[WriteRequest | None]

    # What a kind may override.

    @abstractmethod
    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        """Return the method, the path and the JSON body to send for an arrival."""

    def headers(self, body: Mapping[str, Any]) -> Mapping[str, str]:
        """Return headers to send with a body, in addition to the usual ones."""
        return {}

    @classmethod
    def prepare(cls, site: Site) -> WriteRequest | None:
        """Return what writes the same requests as ``prepared_call`` describes; ``None`` if nothing does."""
        return None

    @classmethod
    def people_in(cls, arrivals: int) -> int:
        """Return how many people the first ``arrivals`` may create: one each, unless a kind says otherwise.

        Their numbers are those from 1 to this. A clean-up relies on it.
        """
        return arrivals

    @classmethod
    def objects_of(cls, people: int) -> int:
        """Return how many objects are created beside so many people."""
        return 0

    @classmethod
    def check_env(cls, env: Mapping[str, str]) -> None:
        """Check the values of all variables; ``ValueError`` says which one is wrong, and what is expected."""

    # The classes of a run's VUs, and a VU.

    @classmethod
    def for_scenario(cls, scenario: Scenario) -> type[ArrivalUser]:
        """Return the class of this scenario's VUs, named after it."""
        log = IterationLog(scenario.name, cls.kind, cls.method, cls._check_name(), into_queue=cls.uses_queue)
        scenario.store.attach(log)
        variables = cls.read_env(scenario.options.env)
        own = {"scenario": scenario, "abstract": False, "log": log, "_write": None, "variables": variables}
        return type(scenario.name, (cls,), own)

    @classmethod
    def read_env(cls, given: Mapping[str, str]) -> Mapping[str, str]:
        """Return the kind's variables, with those that a scenario sets over their defaults.

        Raises:
            ValueError: the kind has no such variable, or ``check_env`` refuses a value.
        """
        for name in given:
            if name not in cls.env:
                known = ", ".join(cls.env) or "no variable at all"
                raise ValueError(f"the user {cls.kind!r} has no {shown(name)}; expected {known}")
        env = {**cls.env, **given}
        cls.check_env(env)
        return env

    @classmethod
    def _check_name(cls) -> str:
        return cls.check or f"{cls.kind} status is 200"

    def __init__(self, environment: Environment) -> None:
        sign_in = self.scenario.sign_in
        if sign_in.base_url is not None:
            # Locust gives its users the host that its master or its form names, which nobody has checked.
            self.host = sign_in.base_url
        super().__init__(environment)  # type: ignore[no-untyped-call] # Locust declares no types here
        self._arrival: Arrival | None = None
        self._waker = process_waker()
        self._context = {
            "scenario": self.scenario.name,
            "kind": self.kind,
            "check": self._check_name(),
        }
        # What a scenario of its own asks for goes through this session: redirects and absolute URLs too.
        guard_session(self.client, allow_live=sign_in.allow_live, most_body_bytes=None)
        self._text = AnswerText.of(sign_in.authorization)
        self._transport = new_transport(
            self.scenario.http_client,
            self,
            self.host or "",
            sign_in.authorization,
            sign_in.ca_file,
            min(self.scenario.options.timeout, self.most_request_seconds),
            allow_live=sign_in.allow_live,
            resend_post=self.scenario.resend_post,
            is_traced=sign_in.is_traced,
            on_resent=self.log.resent,
        )
        self._prepared = self._new_prepared_sender()

    def _new_prepared_sender(self) -> PreparedSender | None:
        transport, cls = self._transport, type(self)
        # What was written beforehand knows nothing of a subclass that calls something else or adds headers.
        is_overridden = cls.call is not cls.prepared_call or cls.headers is not ArrivalUser.headers
        if is_overridden or not isinstance(transport, FastTransport):
            return None
        if cls._write is None:
            cls._write = cls.prepare(transport.site)
        if cls._write is None:
            return None
        return PreparedSender(
            transport, cls._write, self.method, self._context, self.log, self.scenario.locust
        )

    # The life of a VU.

    def on_start(self) -> None:
        """Wait for the first arrival: Locust runs a user's first task before its first wait."""
        self._wait_for_arrival()

    def on_stop(self) -> None:
        """Account for the arrival that a stopped VU was waiting for, and close its connection."""
        self._give_back()
        self.client.close()
        self._transport.close()

    @task
    def iterations(self) -> None:
        """Run iterations until Locust stops this VU."""
        while True:
            self.iteration()
            self._wait_for_arrival()

    def _wait_for_arrival(self) -> None:
        """Take the next arrival and sleep until it; Locust may end the VU meanwhile."""
        self.scenario.locust.begin_waiting(self)
        self._take()
        if self._arrival is None:
            gevent.sleep(_PARKED_SECONDS)
        else:
            self._waker.sleep_until(self._arrival.instant)
        self.scenario.locust.end_waiting(self)

    def wait_time(self) -> float:
        """Take the next arrival and return the seconds until it. Locust asks for them after an exception."""
        self._take()
        if self._arrival is None:
            return _PARKED_SECONDS
        return max(0.0, self._arrival.instant - time.monotonic())

    def _take(self) -> None:
        self._give_back()
        self.scenario.clock_started.wait()
        while isinstance(taken := self.scenario.clock.take(), LookAgain):
            gevent.sleep(taken.seconds)
        self._arrival = taken

    def _give_back(self) -> None:
        if self._arrival is not None:
            self.scenario.clock.give_back(self._arrival)
            self._arrival = None

    def iteration(self) -> None:
        """Start the arrival waited for, send its call, hold the VU for the scenario's pause."""
        arrival, self._arrival = self._arrival, None
        lag_seconds = self.scenario.clock.begin(arrival) if arrival else None
        if arrival is None or lag_seconds is None:
            return
        started = arrival.instant + lag_seconds
        self.log.start(lag_seconds * 1000)
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
            self.log.check(is_passed=False)
            failure = Failure(FailureKind.EXCEPTION, self._text.error(error))
            self.scenario.failures.add(self.scenario.name, failure)
            raise
        self._end_iteration(started)

    def _end_iteration(self, started: float) -> None:
        ended = self.scenario.clock.complete()
        self.log.end((ended - started) * 1000)

    def _send(self, arrival: Arrival) -> None:
        failure = self._prepared.send(arrival) if self._prepared is not None else self._send_call(arrival)
        if failure is not None:
            self.scenario.failures.add(self.scenario.name, failure)

    def _send_call(self, arrival: Arrival) -> Failure | None:
        failure = self._request(arrival, *self.call(arrival))
        self.log.check(is_passed=failure is None)
        return failure

    def _request(self, arrival: Arrival, method: str, path: str, body: Mapping[str, Any]) -> Failure | None:
        """Send a request of an arrival; return what went wrong, or ``None``."""
        context = {**self._context, "late_ms": (time.monotonic() - arrival.instant) * 1000}
        is_webhook = self.api is Api.WEBHOOK
        return self._transport.send(
            Call(method, path, self.kind, body, context, self.headers(body), is_webhook)
        )
