"""What a plan is asked for, and what it knows of a worker."""

from __future__ import annotations

from dataclasses import dataclass

SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Demand:
    """The volume to carry, and the conditions.

    Args:
        events_per_day: identifies and events of a day.
        peak_events_per_second: of the busiest minutes.
        payload_bytes: the JSON of one event, as it is sent to Customer.io.
        limit_requests_per_second: Customer.io's limit of the workspace.
        outage_seconds: how long Customer.io may be unreachable.
        request_seconds: how long Customer.io takes for one request. An assumption: only the real account
        tells.
        people: the people of the workspace; ``None`` if unknown.
    """

    events_per_day: float
    peak_events_per_second: float
    payload_bytes: int = 900
    limit_requests_per_second: int = 100
    outage_seconds: float = 1800.0
    request_seconds: float = 0.25
    people: float | None = None

    @property
    def mean_events_per_second(self) -> float:
        """The day's mean."""
        return self.events_per_day / SECONDS_PER_DAY


@dataclass(frozen=True)
class WorkerRate:
    """What one worker was measured to deliver.

    Args:
        events_per_cpu_second: events for each second of CPU time of the worker's process.
        payload_bytes: the size of the events it was measured with.
        measured: the day and time, ISO 8601.
        machine: where.
    """

    events_per_cpu_second: float
    payload_bytes: int
    measured: str
    machine: str
