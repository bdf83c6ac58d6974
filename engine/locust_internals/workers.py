"""How Locust's master counts its workers and deals users to them."""

from __future__ import annotations

import os

import gevent
from locust.rpc import Message
from locust.runners import MasterRunner


def shorten_spawn_report_wait() -> None:
    """Shorten the time for which Locust's master waits for the workers' reports after each spawn.

    It waits in the greenlet that receives these reports, so none can arrive. With the default of one second
    every worker would look silent.
    """
    os.environ.setdefault("LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP", "0.05")


def deal_users_again(runner: MasterRunner, client_id: str) -> None:
    """Let Locust distribute its users again, now also to a worker that joined during the run."""
    dispatcher, node = runner._users_dispatcher, runner.clients.get(client_id)
    if dispatcher is not None and node is not None:
        dispatcher.add_worker(node)
        gevent.spawn(runner.start, runner.target_user_count, runner.spawn_rate)


def connected_workers(runner: MasterRunner) -> list[str]:
    """Return the ids of the workers that are connected to a master."""
    return list(runner.clients)


def worker_index(runner: MasterRunner, client_id: str) -> int:
    """Return a worker's index, which stays the same as long as its master runs."""
    index: int = runner.get_worker_index(client_id)
    return index


def let_in(runner: MasterRunner, client_id: str) -> None:
    """Let Locust know of a worker that connected before it was trusted. Do nothing if Locust knows it."""
    if client_id not in runner.clients:
        # -1 instead of its version: ours are compared when it says hello.
        runner.handle_message(client_id, Message("client_ready", -1, client_id))


def forget_worker(runner: MasterRunner, client_id: str) -> None:
    """Remove a refused worker from Locust's list of workers.

    Locust's master exits when its last worker quits, and a refused worker may be the only one in the list.
    """
    runner.clients.pop(client_id, None)
