"""Which reporting webhook may be sent next: behind one that failed, all others wait."""

from __future__ import annotations

from gevent.event import Event


class CallOrder:
    """The order of one sender's calls, over all VUs of a scenario in this process.

    While no call has failed, nothing waits. A call that failed is sent again before any other one begins; of
    several, the one of the earliest event comes first.
    """

    def __init__(self) -> None:
        self._failed: set[int] = set()
        self._waiting: list[Event] = []

    @property
    def is_blocked(self) -> bool:
        """Whether a call that failed holds the others back."""
        return bool(self._failed)

    def wait_for_turn(self, number: int) -> None:
        """Wait until the call of this event may be sent. Other VUs run meanwhile."""
        while self._failed and min(self._failed) != number:
            event = Event()
            self._waiting.append(event)
            event.wait()

    def fail(self, number: int) -> None:
        """Note that the call of this event has failed, so that no other one begins."""
        self._failed.add(number)

    def settle(self, number: int) -> None:
        """Note that an event which failed is sent, or given up. Its successor, or everybody, may go on."""
        self._failed.discard(number)
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            event.set()
