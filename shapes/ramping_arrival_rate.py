"""The shape that all scenarios share: it keeps the VUs up, and the arrival clocks make the rate."""

from __future__ import annotations

from typing import Protocol

from locust import LoadTestShape

# Locust warns above 100 new users per second, and a burst of them would delay arrivals.
SPAWN_RATE = 100.0


class Workload(Protocol):
    """What the shape drives: one run after another, each with any number of scenarios."""

    def advance(self) -> int | None:
        """Advance the run; open one if none is open.

        Returns:
            The VUs wanted now over all scenarios; ``None`` when the run is over.
        """


class RampingArrivalRate(LoadTestShape):
    """Keeps the pool of VUs up; the arrival clocks, not the number of users, make the rate.

    Locust makes a shape without a workload when it loads the locustfile; the load test replaces it with one
    that drives the session.

    Args:
        workload: the runs to drive.
    """

    def __init__(self, workload: Workload | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Locust declares no types here
        self._workload = workload

    def tick(self) -> tuple[int, float] | None:
        """Return the number of VUs and how many to spawn per second, or ``None`` at the run's end."""
        vus = self._workload.advance() if self._workload is not None else None
        return None if vus is None else (vus, SPAWN_RATE)
