"""What VUs need of Locust beyond its public names."""

from __future__ import annotations

from typing import Protocol

from locust import User


class LocustSide(Protocol):
    """What a VU needs of Locust beyond its public names; the process that it runs in provides it."""

    @property
    def is_event_wanted(self) -> bool:
        """Whether anybody but Locust and us listens to the ``request`` event, so that VUs must fire it."""

    def begin_waiting(self, user: User) -> None:
        """Let Locust end this VU from here on, at once.

        Raises:
            StopUser: Locust has told it to stop meanwhile.
        """

    def end_waiting(self, user: User) -> None:
        """Let Locust leave this VU to finish what it begins now.

        Raises:
            StopUser: Locust has told it to stop meanwhile.
        """
