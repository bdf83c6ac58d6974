"""Who sends the arrivals of a session's runs, and what a session asks of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from run.preparation import Preparation
from run.queue_watch import QueueWatch
from run.run import Run, RunIdentity


@dataclass(frozen=True)
class Opening:
    """A run that is about to be opened, at its target ``base_url``."""

    identity: RunIdentity
    preparation: Preparation
    base_url: str
    queue: QueueWatch | None


class Generator(Protocol):
    """The VUs of this process, or workers."""

    def check_ready(self) -> None:
        """Wait until a run can be opened.

        Raises:
            ConfigError: none can.
        """

    def open(self, opening: Opening) -> Run:
        """Make the run, and hand Locust its user classes.

        Raises:
            ConfigError, OSError, RuntimeError: it cannot be made.
        """

    def vus(self, scenario: str) -> int:
        """Return how many VUs a scenario of the open run should have now."""

    def cut_off_overdue(self) -> None:
        """Interrupt the iterations whose graceful stop has run out. Called once a second."""

    def grow_pools(self) -> None:
        """Add VUs to scenarios whose arrivals were dropped for want of one. Called once a second."""

    def start(self, when_started: Callable[[], None]) -> None:
        """Start the clocks, now that Locust has spawned the VUs, and call back when they go."""

    def stop(self) -> None:
        """Start nothing any more, and wait for what others still have to say of the run."""

    def close(self) -> None:
        """Forget the run: its report is made."""
