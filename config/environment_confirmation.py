"""Whether the user has named the live environment that a command is about to change."""

from __future__ import annotations

import sys

from config.errors import ConfigError
from config.shown import shown


def check_confirmed(
    environment_id: str, given: str | None, otherwise: str = "as there is no terminal to type it"
) -> None:
    """Return if ``given`` is the environment's id.

    Args:
        environment_id: of the live workspace.
        given: what the user has named; ``None`` for nothing.
        otherwise: where the id is expected, if none was named.

    Raises:
        ConfigError: another one was named, or none.
    """
    if given is None:
        raise ConfigError(
            f"--confirm-live: expected the id of the live environment, {environment_id}, {otherwise}; "
            "nothing was sent"
        )
    if given.strip() != environment_id:
        raise ConfigError(
            f"--confirm-live: the live environment is {environment_id}, not {shown(given.strip())}; "
            "nothing was sent"
        )


def is_terminal() -> bool:
    """Return whether somebody can read a question and type an answer."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
