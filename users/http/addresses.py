"""The addresses of a server: looked up once for all VUs of a process, and kept for some minutes.

gevent looks a name up in a thread, and at the first arrivals of a run each VU would wait for one: hundreds of
threads' starts and hand-overs of Python's lock in the same tenth of a second, in which the whole process
stands still for 20 ms. An address that is no name needs no look-up at all.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from gevent import monkey
from gevent import socket as gevent_socket
from gevent.event import AsyncResult

KEPT_SECONDS = 300.0
"""As k6's ``dns`` option has it by default: a server that moves is found again within five minutes."""

Address = tuple[int, tuple[Any, ...]]
"""The family of an address, and the address as ``connect`` takes it."""

_LookUp = Callable[..., list[tuple[Any, ...]]]

# With AI_NUMERICHOST it asks nobody, so it does not wait.
_read_address: _LookUp = monkey.get_original("socket", "getaddrinfo")


class Addresses:
    """The addresses of one host and port.

    Args:
        host: a name or an address.
        port: goes into each address.
        look_up: finds the addresses of a name while other greenlets run.
        now: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        host: str,
        port: int,
        look_up: _LookUp = gevent_socket.getaddrinfo,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._port = port
        self._look_up = look_up
        self._now = now
        self._found: AsyncResult[list[Address]] | None = None
        self._kept_until = 0.0

    def get(self) -> Sequence[Address]:
        """Return them, in the order in which they are to be tried. The first greenlet to ask looks them up.

        Raises:
            OSError: the name has no address.
        """
        if self._found is None or self._now() >= self._kept_until:
            self._found = AsyncResult()
            self._kept_until = float("inf")
            # In a greenlet of its own: the one that asks may be ended, and others wait for the same.
            gevent.spawn(self._find, self._found)
        return self._found.get() or []

    def forget(self) -> None:
        """Look up anew at the next question: none of them answers any more."""
        if self._found is not None and self._found.ready():
            self._found = None

    def _find(self, result: AsyncResult[list[Address]]) -> None:
        try:
            result.set(_unique(self._literal() or self._look_up(*self._question)))
        except (OSError, UnicodeError) as error:
            result.set_exception(error)
            self._found = None
        else:
            self._kept_until = self._now() + KEPT_SECONDS

    def _literal(self) -> list[tuple[Any, ...]]:
        try:
            return _read_address(*self._question, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            return []

    @property
    def _question(self) -> tuple[str, int, int, int]:
        return self._host, self._port, socket.AF_UNSPEC, socket.SOCK_STREAM


def _unique(answers: Sequence[tuple[Any, ...]]) -> list[Address]:
    return list(dict.fromkeys((family, address) for family, _, _, _, address in answers))
