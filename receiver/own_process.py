"""Starts a receiver in a process of its own, for a run that has no other to send webhooks to."""

from __future__ import annotations

import tempfile
from pathlib import Path

from config.child_server import ChildServer


class LocalReceiver:
    """A receiver process on a free port, whose events are gone when it ends.

    Args:
        signing_key: of the webhooks that it gets.

    Raises:
        RuntimeError: the process did not start.
        OSError: there is no room for a temporary folder.
    """

    def __init__(self, signing_key: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="load-test-receiver-")
        options = ("--log", str(Path(self._folder.name) / "events.jsonl"))
        self._server = ChildServer("receiver", "the receiver", options, {"RECEIVER_SIGNING_KEY": signing_key})
        self.url = self._server.url

    @property
    def is_running(self) -> bool:
        """Whether the process is running."""
        return self._server.is_running

    def stop(self) -> None:
        """End the process, and delete what it has kept."""
        self._server.stop()
        self._folder.cleanup()
