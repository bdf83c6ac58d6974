"""What keeps a command from its work without being the user's mistake."""

from __future__ import annotations


class BrokerError(Exception):
    """One line that names the broker or topic; ends the command with exit code 1."""
