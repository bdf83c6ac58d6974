"""Starts a receiver in a process of its own, for a run that has no other to send webhooks to."""

from __future__ import annotations

import tempfile
from pathlib import Path

from config.child_server import ChildServer
from config.errors import ConfigError


class LocalReceiver(ChildServer):
    """A receiver process on a free port, whose events are gone when it ends.

    Args:
        signing_key: of the webhooks that it gets.

    Raises:
        ConfigError: there is no place for its file.
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
        super().__init__("receiver", "the receiver", options, {"RECEIVER_SIGNING_KEY": signing_key})

    def stop(self) -> None:
        """End the process, and delete what it has kept."""
        super().stop()
        self._folder.cleanup()
