"""Starts a stand-in in a process of its own, for a program that has nobody else to send to."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from config.child_server import ChildServer


class LocalStandin:
    """A stand-in process on a free port. It ends with ``stop``, or when the process that started it ends.

    Args:
        options: further command line options, such as ``"--latency", "20ms"``.

    Raises:
        RuntimeError: the process did not start.
    """

    def __init__(self, *options: str) -> None:
        self._server = ChildServer("standin", "the stand-in", options, {})
        self.url = self._server.url

    @property
    def is_running(self) -> bool:
        """Whether the process is running."""
        return self._server.is_running

    def stop(self) -> None:
        """End the process and wait until it has ended."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
