"""When a run began: on the monotonic clock, for measuring, and on the wall clock, for people."""

from __future__ import annotations

import time


class RunClock:
    """Second 0 of a run, once it is known. Instants are seconds of this process's monotonic clock."""

    def __init__(self) -> None:
        self._started_at: float | None = None
        self._started_unix = 0.0

    def start(self, at: float) -> None:
        """Set second 0 of the run to the monotonic instant ``at``, which may be past or future."""
        self._started_at = at
        self._started_unix = time.time() + at - time.monotonic()

    @property
    def is_started(self) -> bool:
        """Whether second 0 is known."""
        return self._started_at is not None

    @property
    def elapsed(self) -> float:
        """Seconds since second 0; 0 before it."""
        return 0.0 if self._started_at is None else max(0.0, time.monotonic() - self._started_at)

    @property
    def second_zero(self) -> float:
        """The monotonic instant of second 0.

        Raises:
            RuntimeError: it is not known yet.
        """
        if self._started_at is None:
            raise RuntimeError("the run has not started")
        return self._started_at

    def unix_time(self, second: int) -> int:
        """Return the Unix time, in whole seconds, at which a second of the run began."""
        return int(self._started_unix) + second
