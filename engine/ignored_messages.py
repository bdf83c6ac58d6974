"""Counts the messages at a port that are ignored because they do not fit, and logs the first."""

from __future__ import annotations

import logging

logger = logging.getLogger("customerio_load")


class IgnoredMessages:
    """The messages that were ignored at one port.

    Args:
        place: what log lines call the port.
    """

    def __init__(self, place: str) -> None:
        self.count = 0
        self._place = place

    def note(self, problem: str) -> None:
        """Count a message. Log the problem of the first one only."""
        self.count += 1
        if self.count == 1:
            logger.warning(
                "%s: ignored a message that does not fit (%s); further ones are counted", self._place, problem
            )

    def log_count(self) -> None:
        """Log the number of ignored messages if there was more than one."""
        if self.count > 1:
            logger.warning("%s: %d messages that do not fit were ignored in all", self._place, self.count)
