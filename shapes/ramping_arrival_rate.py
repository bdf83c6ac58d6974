"""Locust's side of the schedule: the shape that all scenarios share, and the dispatch of their VUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from locust import LoadTestShape
from locust.dispatch import UsersDispatcher
from locust.runners import WorkerNode

# Locust warns above 100 new users per second, and a burst of them would delay arrivals.
SPAWN_RATE = 100.0


class Workload(Protocol):
    """What the shape drives: one run after another, of any number of scenarios."""

    def open(self) -> None:
        """Prepare a run; called at its first tick."""

    @property
    def is_open(self) -> bool:
        """Whether a run is prepared or going."""

    def vus(self) -> int:
        """The VUs wanted now over all scenarios, each user class's share in its ``fixed_count``."""

    def is_over(self) -> bool:
        """Whether the schedule is over and nothing is in flight, or the graceful stop has run out."""


class RampingArrivalRate(LoadTestShape):
    """Keeps the pool of VUs up; the arrival clocks, not the number of users, make the rate.

    ``workload`` is set by whoever wires the load test.
    """

    workload: Workload

    def tick(self) -> tuple[int, float] | None:
        """The number of VUs, or ``None`` at the run's end."""
        if not self.workload.is_open:
            self.workload.open()
        if self.workload.is_over():
            return None
        return self.workload.vus(), SPAWN_RATE


class Admission:
    """Which workers may be given users: all, unless somebody knows better."""

    def __init__(self) -> None:
        self.admits: Callable[[str], bool] = lambda _: True


admission = Admission()


class PoolDispatcher(UsersDispatcher):
    """Spawns every user class to its ``fixed_count``, which may grow, and spreads each over all workers.

    Locust's own looks at ``fixed_count`` at the first dispatch only. And it takes classes in turn as it
    takes workers in turn: of two classes on two workers each worker would get one. A worker that joins a
    run gets users when it knows their classes, and not before: ``admission`` says whether it does.
    """

    def new_dispatch(
        self, target_user_count: int, spawn_rate: float, user_classes: list[type[Any]] | None = None
    ) -> None:
        self._try_dispatch_fixed = True
        super().new_dispatch(target_user_count, spawn_rate, user_classes)

    def add_worker(self, worker_node: WorkerNode) -> None:
        """Take in a worker; one that is not admitted yet is to be added again later."""
        if admission.admits(worker_node.id):
            super().add_worker(worker_node)

    def _user_gen(self) -> Iterator[str | None]:
        """The class of each further user: what the first class misses, then the second, and so on."""
        while True:
            if not self._try_dispatch_fixed:
                yield None
                continue
            self._try_dispatch_fixed = False
            missing = [
                (one.__name__, one.fixed_count - self._get_user_current_count(one.__name__))
                for one in self._user_classes
            ]
            for name, count in missing:
                yield from [name] * count
