"""Messages that nobody of a run has sent: counted, named once, and otherwise ignored."""

from __future__ import annotations

import logging

logger = logging.getLogger("customerio_load")


class IgnoredMessages:
    """What arrived at a port and could not be taken.

    Args:
        place: the port, as people know it.
    """

    def __init__(self, place: str) -> None:
        self.count = 0
        self._place = place

    def note(self, problem: str) -> None:
        """Count a message; log the first one's problem, and none after it."""
        self.count += 1
        if self.count == 1:
            logger.warning(
                "%s: ignored a message that does not fit (%s); further ones are counted", self._place, problem
            )

    def log_count(self) -> None:
        """Log how many there were, if there was more than the one that was logged."""
        if self.count > 1:
            logger.warning("%s: %d messages that do not fit were ignored in all", self._place, self.count)
