"""What a session asks of the part that sends the arrivals of its runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from metrics.output import Output
from run.preparation import Preparation
from run.queue_watch import QueueWatch
from run.queued.delivery_watch import DeliveryWatch
from run.run import Run, RunIdentity


@dataclass(frozen=True)
class Opening:
    """What a generator needs to open a run.

    ``base_url`` is the target's, ``watchers`` see every second. ``environment_id`` is that of the live
    workspace whose load was confirmed.
    """

    identity: RunIdentity
    preparation: Preparation
    base_url: str
    queue_watch: QueueWatch | None
    deliveries: DeliveryWatch | None = None
    watchers: Sequence[Output] = ()
    environment_id: str | None = None


class Generator(Protocol):
    """Sends the arrivals of one run after another: from VUs in this process, or from workers."""

    def check_ready(self) -> None:
        """Wait until a run can be opened.

        Raises:
            ConfigError: no run can be opened.
        """

    def open(self, opening: Opening) -> Run:
        """Open the run, and give Locust its user classes.

        Raises:
            ConfigError, OSError, RuntimeError: the run cannot be opened.
        """

    def vus(self, scenario: str) -> int:
        """Return how many VUs a scenario of the open run should have now."""

    def cut_off_overdue(self) -> None:
        """Interrupt the iterations whose graceful stop has run out. Called once a second."""

    def grow_pools(self) -> None:
        """Add VUs to scenarios whose arrivals were dropped for want of one. Called once a second."""

    def start(self, when_started: Callable[[], None]) -> None:
        """Start the clocks. Call after Locust has spawned the VUs.

        Args:
            when_started: called when second 0 of the run is known.
        """

    def stop(self) -> None:
        """Start no more iterations, and wait for the last reports of workers."""

    def close(self) -> None:
        """Release the run. Call after its report is made."""
