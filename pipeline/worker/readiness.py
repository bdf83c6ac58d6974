"""What ``/readyz`` reports: whether the worker can deliver, and what it waits for if not."""

from __future__ import annotations


class Readiness:
    """Whether the worker can deliver.

    Args:
        reason: what the worker waits for at first.
    """

    def __init__(self, reason: str) -> None:
        self._reason: str | None = reason

    def reason(self) -> str | None:
        """Return why the worker cannot deliver; ``None`` if it can."""
        return self._reason

    def wait_for(self, reason: str) -> None:
        """Note that the worker cannot deliver; ``reason`` holds no personal data."""
        self._reason = reason

    def set_ready(self) -> None:
        """Note that the worker can deliver."""
        self._reason = None
