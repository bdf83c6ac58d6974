"""Locust's users: how they are spawned, cut off, and told to stop."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, cast

from locust import User
from locust.dispatch import UsersDispatcher
from locust.exception import StopUser
from locust.runners import Runner, WorkerNode
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING


class PoolDispatcher(UsersDispatcher):
    """Spawns every user class to its ``fixed_count``, which may grow, and spreads each over all workers.

    Locust's own dispatcher reads ``fixed_count`` at the first dispatch only. It also cycles through classes
    and workers in step: of two classes, each of two workers would get one.

    Args:
        worker_nodes: as for Locust's own dispatcher.
        user_classes: as for Locust's own dispatcher.
        admits: returns whether the worker with an id may be given users. A worker that joins during a run
            may be given users only after it knows their classes.
    """

    def __init__(
        self, worker_nodes: list[WorkerNode], user_classes: list[type[Any]], admits: Callable[[str], bool]
    ) -> None:
        super().__init__(worker_nodes, user_classes)
        self._admits = admits

    def new_dispatch(
        self, target_user_count: int, spawn_rate: float, user_classes: list[type[Any]] | None = None
    ) -> None:
        self._try_dispatch_fixed = True
        if not self.get_current_user_count():
            # All at once: before the first VUs are up nothing is sent that spawning them could delay.
            spawn_rate = max(spawn_rate, target_user_count)
        super().new_dispatch(target_user_count, spawn_rate, user_classes)

    def add_worker(self, worker_node: WorkerNode) -> None:
        """Add a worker if it is admitted. One that is not must be added again later."""
        if self._admits(worker_node.id):
            super().add_worker(worker_node)

    def _user_gen(self) -> Iterator[str | None]:
        """Yield the class of each user to spawn: those missing of the first class, then of the second, ..."""
        while True:
            if not self._try_dispatch_fixed:
                yield None
                continue
            self._try_dispatch_fixed = False
            missing = [
                (
                    user_class.__name__,
                    user_class.fixed_count - self._get_user_current_count(user_class.__name__),
                )
                for user_class in self._user_classes
            ]
            for name, count in missing:
                yield from [name] * count


def pool_dispatcher(admits: Callable[[str], bool]) -> type[UsersDispatcher]:
    """Return the dispatcher class for Locust, with ``admits`` filled in. Locust does no more than call it."""
    return cast("type[UsersDispatcher]", functools.partial(PoolDispatcher, admits=admits))


def cut_off_users(runner: Runner, class_name: str | None = None) -> None:
    """Kill the users of one class, or of all, even within an iteration. Do not wait for their end."""
    for greenlet in list(runner.user_greenlets):
        user = greenlet.args[0] if greenlet.args else None
        if class_name is None or (user is not None and type(user).__name__ == class_name):
            greenlet.kill(block=False)


# A task that goes on from one iteration to the next keeps the state by which Locust stops users: a waiting
# one at once, a running one after its task. That saves what Locust's own loop does between two tasks (the
# choice of the next one, a wait by gevent's timers, a pass of the event loop): 3 us in all.


def begin_waiting(user: User) -> None:
    """Let Locust end this VU from here on, at once.

    Raises:
        StopUser: Locust has told it to stop meanwhile.
    """
    if user._state == LOCUST_STATE_STOPPING:
        raise StopUser
    user._state = LOCUST_STATE_WAITING


def end_waiting(user: User) -> None:
    """Let Locust leave this VU to finish what it begins now.

    Raises:
        StopUser: Locust has told it to stop meanwhile.
    """
    if user._state == LOCUST_STATE_STOPPING:
        raise StopUser
    user._state = LOCUST_STATE_RUNNING
