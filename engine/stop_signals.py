"""Ctrl-C and SIGTERM: the first stops gracefully, the second cuts off, the third leaves."""

from __future__ import annotations

import atexit
import signal
from collections.abc import Callable

import gevent


class StopSignals:
    """Counts the stop signals of a run, SIGINT and SIGTERM together.

    gevent runs the handlers in greenlets of their own, so a signal never breaks into a VU's code.

    Args:
        stop: given the reason, stops the run gracefully and ends the process.
        cut_off: interrupts the iterations in flight.
        leave: ends the process at once.
    """

    def __init__(
        self, stop: Callable[[str], None], cut_off: Callable[[], None], leave: Callable[[], None]
    ) -> None:
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

    def _on_signal(self, reason: str) -> None:
        self._received += 1
        if self._received == 1:
            self._stop(reason)
        elif self._received == 2:
            self._cut_off()
        else:
            self._leave()


def keep_exit_code() -> None:
    """Let no stop signal replace the exit code once this process exits.

    Python gives signals back to the system before it is gone, which ends a process at once. Call before
    anything else is registered for the exit: this is to come last.
    """
    atexit.register(_ignore_stop_signals)


def _ignore_stop_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # gevent's event loop resets the signals that it has watched, and is freed later still.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
