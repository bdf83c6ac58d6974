"""Room for a run's connections in the kernel's table of this process's open files."""

from __future__ import annotations

import os
import sys

from gevent import monkey

if sys.platform != "win32":
    import fcntl
    import resource

# Files, pipes and connections of the process beside those of its VUs.
_OTHERS = 200

# gevent's own closes later, for the sake of files that somebody waits for.
_close = monkey.get_original("os", "close")


def make_room(connections: int) -> None:
    """Grow the table of open files now to what so many connections need.

    Linux doubles it when it is full, at 64, 128, 256 and so on. In a process with threads the call that needs
    the room then waits for all cores to have passed through the scheduler: ``socket()`` took 7 to 15 ms, in
    which no VU ran, some milliseconds after the first arrival.
    """
    if sys.platform == "win32":
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = min(connections + _OTHERS, limit - 1)
    try:
        some_file = os.open(os.devnull, os.O_RDONLY)
    except OSError:
        # No descriptor is left. The connection that fails for want of one says so.
        return
    try:
        _close(fcntl.fcntl(some_file, fcntl.F_DUPFD_CLOEXEC, highest))
    except OSError:
        # All descriptors from there up to the limit are in use, so the table is large enough already.
        return
    finally:
        _close(some_file)
