"""Failures in the log: the first of each kind in full, the others counted."""

from __future__ import annotations

import logging
from collections import Counter

from users.outcome import Failure

logger = logging.getLogger("customerio_load")


class FailureLog:
    """One run's failures; a thousand alike are one line with an example, and one with their number."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, scenario: str, failure: Failure) -> None:
        """Count a failure, and log it if it is the first of its kind in its scenario."""
        key = (scenario, failure.kind.value)
        self._counts[key] += 1
        if self._counts[key] == 1:
            logger.warning("%s: first %s: %s", scenario, failure.kind.value, failure.detail)

    def log_counts(self) -> None:
        """Log how many there were of each kind."""
        for (scenario, kind), count in sorted(self._counts.items()):
            logger.warning("%s: %s: %d in all", scenario, kind, count)
