"""End the program with one line and exit code 2 on a user's mistake."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from config.command_line import USAGE_ERROR, print_error
from config.errors import ConfigError


@contextmanager
def plain_errors(*, is_silent: bool = False) -> Iterator[None]:
    """On a ``ConfigError``, print its line on standard error, unless silent, and exit with code 2."""
    try:
        yield
    except ConfigError as error:
        if not is_silent:
            print_error(str(error))
        sys.exit(USAGE_ERROR)
