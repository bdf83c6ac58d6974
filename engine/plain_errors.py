"""End the program with one line and exit code 2 on a user's mistake."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.command_line import USAGE_ERROR, print_error, print_folded
from config.errors import ConfigError


@contextmanager
def plain_errors(*, is_silent: bool = False) -> Iterator[None]:
    """On a ``ConfigError``, print its lines on standard error, unless silent, and exit with code 2."""
    try:
        yield
    except ConfigError as error:
        if not is_silent:
            print_error(error.lines[0], program_name())
            for line in error.lines[1:]:
                print_folded(line)
        sys.exit(USAGE_ERROR)


def program_name() -> str:
    """Return the name under which the user started this program."""
    name = Path(sys.argv[0]).name
    # python -m locust
    return "locust" if name == "__main__.py" else name
