"""Starts a stand-in in a process of its own, for a program that has nobody else to send to."""

from __future__ import annotations

from config.child_server import ChildServer


class LocalStandin(ChildServer):
    """A stand-in process on a free port. It ends with ``stop``, or when the process that started it ends.

    Args:
        options: further command line options, such as ``"--latency", "20ms"``.
    """

    def __init__(self, *options: str) -> None:
        super().__init__("standin", "the stand-in", options, {})
