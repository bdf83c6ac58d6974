"""A scenario of a run: what all its VUs share."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gevent.event import Event

from metrics.store import MetricStore
from shapes.clock import ArrivalClock
from users.failure_log import FailureLog
from users.http.factory import HttpClient
from users.locust_side import LocustSide
from users.message_queue import MessageQueue
from users.people import PeoplePool

if TYPE_CHECKING:
    # Locust wants the kinds of user before it reads the command line. Without pydantic, which takes 80 ms,
    # the stand-in is started that much earlier (engine.launch).
    from config.scenario_options import ScenarioOptions


@dataclass(frozen=True)
class SignIn:
    """Where every request goes and what it carries.

    Args:
        authorization: the value of the Authorization header; empty for none.
        ca_file: the authority to trust.
        base_url: the target, as it was checked; ``None`` for Locust's host, where the run's own stand-in is.
        allow_live: whether the target may be a host under customer.io.
        is_traced: whether each request has a ``traceparent`` of its own.
        path: of a receiver of webhooks.
        signing_key: likewise.
    """

    authorization: str = field(repr=False)
    ca_file: str | None = None
    base_url: str | None = None
    allow_live: bool = False
    is_traced: bool = False
    path: str = "/"
    signing_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Scenario:
    """Name and options as in the profile, the arrival clock of all its VUs, and where results go."""

    name: str
    options: ScenarioOptions
    clock: ArrivalClock
    store: MetricStore
    people: PeoplePool
    failures: FailureLog
    sign_in: SignIn
    http_client: HttpClient
    locust: LocustSide
    resend_post: bool = False
    clock_started: Event = field(default_factory=Event, repr=False)
    queue: MessageQueue | None = None
    event_age_seconds: float = 0.0

    def event_time(self) -> float:
        """Return the Unix time for an event that is sent now, which ``--event-age`` puts into the past."""
        return time.time() - self.event_age_seconds

    @property
    def open_queue(self) -> MessageQueue:
        """The queue that messages go into.

        Raises:
            RuntimeError: the run has none.
        """
        if self.queue is None:
            raise RuntimeError("internal error: the run has opened no queue")
        return self.queue

    def start_clock(self, run_start: float) -> None:
        """Let the schedule begin ``start_time`` after the monotonic instant ``run_start``; wakes all VUs."""
        self.clock.start(run_start + self.options.start_time)
        self.clock_started.set()

    @property
    def ends_at(self) -> float:
        """Seconds from the run's start to the last stage's end."""
        return self.options.start_time + self.clock.schedule.duration
