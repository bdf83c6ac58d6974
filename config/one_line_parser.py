"""A command line whose mistakes get one line each."""

from __future__ import annotations

import argparse
from typing import NoReturn

#: The exit code after a mistake in arguments, settings or files.
USAGE_ERROR = 2


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line on standard error, without the usage, and ends with ``USAGE_ERROR``."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.prog}: {message}\n")
