"""The one exception for a user's mistake in settings, profiles or arguments."""

from __future__ import annotations


class ConfigError(ValueError):
    """One line that names the place and what was expected there; ends the program with exit code 2."""
