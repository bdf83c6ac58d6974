"""The exception for a user's mistake in settings, profiles or arguments."""

from __future__ import annotations

from collections.abc import Sequence

MOST_MISTAKES = 20
"""So many mistakes in one place are shown; of the others only the number."""


class ConfigError(ValueError):
    """A mistake of the user. Its text is one line that names the place and what is expected there.

    A command prints its ``lines`` and exits with code 2.

    Args:
        line: the line; of several mistakes in one file, that file.
        mistakes: what is wrong there, a line each.
    """

    def __init__(self, line: str, mistakes: Sequence[str] = ()) -> None:
        first = f": {mistakes[0]}" if mistakes else ""
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        super().__init__(f"{line}{first}{more}")
        self.lines = [str(self)]
        """What to show on a terminal: the line, or of several mistakes one each below their place."""
        if more:
            unshown = len(mistakes) - MOST_MISTAKES
            self.lines = [
                f"{line}: {len(mistakes)} mistakes",
                *(f"  {mistake}" for mistake in mistakes[:MOST_MISTAKES]),
                *([f"  and {unshown} more"] if unshown > 0 else []),
            ]
