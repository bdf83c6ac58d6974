"""What every command of this project has in common: its exit codes, and one line per mistake."""

from __future__ import annotations

import argparse
from typing import NoReturn

PASSED = 0
"""Exit code: the run ended and every threshold and limit held."""

BROKEN = 1
"""Exit code: the run itself failed, so its figures mean nothing."""

USAGE_ERROR = 2
"""Exit code: a mistake in arguments, settings or files; nothing was sent."""

THRESHOLDS_FAILED = 99
"""Exit code: a threshold of the run, or a limit of a comparison, does not hold. The same as k6's."""


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line on standard error, without the usage, and ends with ``USAGE_ERROR``."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"{self.prog}: {message}\n")
