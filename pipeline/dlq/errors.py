"""The errors of a command that are not the user's mistake."""

from __future__ import annotations


class BrokerError(Exception):
    """The broker or a topic can't be used. The message is one line; the command exits with code 1."""
