"""Starts a receiver in a process of its own, for a run that has no other to send webhooks to."""

from __future__ import annotations

import tempfile
from pathlib import Path

from config.child_server import ChildServer
from config.errors import ConfigError


class LocalReceiver:
    """A receiver process on a free port, whose events are gone when it ends.

    Args:
        signing_key: of the webhooks that it gets.

    Raises:
        ConfigError: there is no place for its file.
        RuntimeError: the process did not start.
    """

    def __init__(self, signing_key: str) -> None:
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="load-test-receiver-")
        except OSError as error:
            raise ConfigError(
                f"a local receiver has no place for its file: {error.strerror}; expected a folder in TMPDIR "
                "that can be written to, or WEBHOOK_URL and WEBHOOK_SIGNING_KEY"
            ) from error
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
