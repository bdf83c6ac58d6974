"""Keeps secrets and control characters out of every line that the process logs."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from config.redaction import Redactor
from config.shown import visible

# A library may log a server's headers whole. Of a longer line the beginning is logged.
_MOST_CHARACTERS = 2000


def redact_logs(secrets: Iterable[str]) -> None:
    """Redact what all present log handlers write from now on, also what workers send to the web UI's page.

    Args:
        secrets: the values to look for.
    """
    redactor = Redactor(secrets)
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    handlers = {handler for logger in loggers for handler in getattr(logger, "handlers", [])}
    for handler in handlers:
        handler.setFormatter(_RedactingFormatter(handler.formatter or logging.Formatter(), redactor))


class _RedactingFormatter(logging.Formatter):
    def __init__(self, formatter: logging.Formatter, redactor: Redactor) -> None:
        super().__init__()
        self._formatter = formatter
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(self._clean(line) for line in self._formatter.format(record).split("\n"))

    def _clean(self, line: str) -> str:
        redacted = self._redactor.text(line[:_MOST_CHARACTERS])
        if len(line) > _MOST_CHARACTERS:
            # A secret that the cut has parted was not found, and may be at the end.
            redacted = redacted[: max(0, len(redacted) - self._redactor.longest)] + "..."
        return visible(redacted)
