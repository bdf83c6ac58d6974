"""Ctrl-C and SIGTERM: the first stops gracefully, the second cuts off, the third leaves."""

from __future__ import annotations

from collections.abc import Callable

import gevent


class StopSignals:
    """Counts the stop signals of a run, SIGINT and SIGTERM together.

    gevent runs the handlers in greenlets of their own, so a signal never breaks into a VU's code.

    Args:
        has_run: returns whether a run is open or its report is being made.
        stop: given the reason, stops the run gracefully and ends the process.
        cut_off: interrupts the iterations in flight.
        leave: ends the process at once.
    """

    def __init__(
        self,
        has_run: Callable[[], bool],
        stop: Callable[[str], None],
        cut_off: Callable[[], None],
        leave: Callable[[], None],
    ) -> None:
        self._has_run = has_run
        self._stop = stop
        self._cut_off = cut_off
        self._leave = leave
        self._received = 0

    def watch(self, number: int, reason: str) -> None:
        """Handle a signal from now on. The summary of a run that it ends gives ``reason`` as the cause."""
        gevent.signal_handler(number, self._on_signal, reason)

    def reset(self) -> None:
        """Count from zero again, for a new run."""
        self._received = 0

    def note(self) -> None:
        """Count a signal that Locust handles too. The second signal of a run cuts off here as well."""
        self._received += 1
        if self._received == 2:
            self._cut_off()

    def _on_signal(self, reason: str) -> None:
        self._received += 1
        if self._received == 1 or not self._has_run():
            self._stop(reason)
        elif self._received == 2:
            self._cut_off()
        else:
            self._leave()
