"""The exception for a user's mistake in settings, profiles or arguments."""

from __future__ import annotations


class ConfigError(ValueError):
    """A mistake of the user. Its text is one line that names the place and what is expected there.

    A command prints that line and exits with code 2.
    """
