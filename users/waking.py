"""Wake VUs at their instants, to a tenth of a millisecond.

gevent sleeps in epoll, which counts whole milliseconds: its timers are half a millisecond late on
average. A timerfd is a kernel timer that epoll watches as a file. It fires within some 0.05 ms, whatever
the loop's own resolution, and one is enough for all VUs of a process: it is set to the earliest instant
of a heap. Where there is none (it is a call of Linux) VUs sleep by gevent's timers.
"""

from __future__ import annotations

import ctypes
import heapq
import itertools
import os
import time
from functools import cache
from typing import Any, Protocol

import gevent

_CLOCK_MONOTONIC = 1
_TFD_NONBLOCK = os.O_NONBLOCK
_TFD_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_TFD_TIMER_ABSTIME = 1

# After a stall many VUs are due at once. So many go, then answers that have come are read, then the next.
_MOST_AT_ONCE = 50


class Waker(Protocol):
    """Lets the current greenlet sleep."""

    def sleep_until(self, instant: float) -> None:
        """Sleep until an instant of ``time.monotonic()``; return at once if it has passed."""


class GeventWaker:
    """Sleeps by gevent's timers: up to a millisecond late."""

    def sleep_until(self, instant: float) -> None:
        gevent.sleep(max(0.0, instant - time.monotonic()))


class TimerfdWaker:
    """Sleeps by one kernel timer for all greenlets of this thread's hub.

    Raises:
        OSError: the kernel has no timerfd, or no file descriptors are left.
    """

    def __init__(self) -> None:
        self._timer = _KernelTimer()
        self._hub = gevent.get_hub()
        # Sorted by instant, then by who came first.
        self._sleepers: list[_Sleeper] = []
        self._order = itertools.count()
        self._is_waking = False
        self._watcher = self._hub.loop.io(self._timer.fileno, 1)
        self._watcher.start(self._wake)

    def sleep_until(self, instant: float) -> None:
        if instant <= time.monotonic():
            return
        sleeper: _Sleeper = [instant, next(self._order), gevent.getcurrent()]
        heapq.heappush(self._sleepers, sleeper)
        if self._sleepers[0] is sleeper and not self._is_waking:
            self._timer.set(instant)
        try:
            self._hub.switch()
        except BaseException:
            self._forget(sleeper)
            raise

    def close(self) -> None:
        """Give the timer back. Nobody may be asleep."""
        self._watcher.stop()
        self._watcher.close()
        self._timer.close()

    def _wake(self) -> None:
        """Switch to everyone who is due, in the event loop, and set the timer to who is next."""
        sleepers = self._sleepers
        self._is_waking = True
        now = time.monotonic()
        try:
            for _ in range(_MOST_AT_ONCE):
                if not sleepers or sleepers[0][0] > now:
                    break
                heapq.heappop(sleepers)[2].switch()
        finally:
            self._is_waking = False
            # Setting it also clears it: it need not be read.
            self._timer.set(sleepers[0][0] if sleepers else 0.0)

    def _forget(self, sleeper: _Sleeper) -> None:
        """Take out one that was woken by something else, such as the end of its VU."""
        remaining = [entry for entry in self._sleepers if entry is not sleeper]
        self._sleepers[:] = remaining
        heapq.heapify(self._sleepers)


_Sleeper = list[Any]


@cache
def process_waker() -> Waker:
    """Return the waker of all VUs of this process."""
    try:
        return TimerfdWaker()
    except (OSError, AttributeError):
        return GeventWaker()


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class _KernelTimer:
    """Linux's timerfd, which Python's ``os`` has from 3.13 on."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fileno: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC)
        if self.fileno < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._settime = self._libc.timerfd_settime
        self._spec = _TimerSpec()
        self._spec_reference = ctypes.byref(self._spec)

    def set(self, instant: float) -> None:
        """Become readable at a monotonic instant, and not before; 0 is never."""
        seconds = int(instant)
        value = self._spec.value
        value.seconds = seconds
        value.nanoseconds = int((instant - seconds) * 1e9)
        self._settime(self.fileno, _TFD_TIMER_ABSTIME, self._spec_reference, None)

    def close(self) -> None:
        os.close(self.fileno)
