"""Finds keys on a command line, where every user of the machine can read them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

_FLAG = re.compile(
    r"--?(?:(?:customerio|cio|track)[-_]?)?"
    r"(?:(?:api|app|write)[-_]?key|site[-_]?id|auth(?:orization)?|password|token|secret|credentials)",
    re.IGNORECASE,
)
_ASSIGNMENT = re.compile(
    r"(?:-e|--env=?)?"
    r"(?P<name>[A-Za-z0-9_]*(?:(?:API|APP|WRITE)_?KEY|SITE_?ID|AUTH|PASSWORD|TOKEN|SECRET))=.+",
    re.IGNORECASE,
)


def key_on_command_line(arguments: Iterable[str], known_flags: Collection[str] = ()) -> str | None:
    """Return why a command line is refused because of a key on it, in one line without the key, or ``None``.

    Args:
        arguments: of the command, without its name.
        known_flags: those that the command itself has, such as the stand-in's ``--api-key``.
    """
    for argument in arguments:
        if argument == "--":
            return None
        flag = argument.partition("=")[0]
        assigned = _ASSIGNMENT.fullmatch(argument)
        if _FLAG.fullmatch(flag) and flag not in known_flags:
            return _refusal(flag)
        if assigned is not None and flag not in known_flags:
            return _refusal(assigned["name"])
    return None


def _refusal(name: str) -> str:
    return (
        f"{name}: everybody on this machine can read a key on a command line; expected it in .env or the "
        "environment, as CUSTOMERIO_SITE_ID and CUSTOMERIO_API_KEY"
    )
