"""A user's mistake ends the program with one line and exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from config.command_line import USAGE_ERROR
from config.errors import ConfigError


@contextmanager
def plain_errors(*, is_silent: bool = False) -> Iterator[None]:
    """Turn a ``ConfigError`` into its line on standard error and exit code 2; without the line if silent."""
    try:
        yield
    except ConfigError as error:
        if not is_silent:
            sys.stderr.write(f"error: {error}\n")
        sys.exit(USAGE_ERROR)
