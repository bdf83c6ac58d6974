"""Logs to standard error: JSON lines for a collector, plain lines on a terminal.

Our own code logs counts, positions and reasons: topic, partition, offset, status. It never logs a message's
value or key, or a person's id. Secrets are redacted in every line, and repeated lines of libraries are held
back.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS, merge_record_extra
from pythonjsonlogger.json import JsonFormatter

from config.errors import ConfigError
from config.redaction import Redactor
from pipeline.monitoring.repeats import RepeatFilter

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_OURS = "pipeline"

# While the broker is away, a consumer and a producer of aiokafka 0.14 log the same nine lines 117 times per
# second.
_TALKATIVE = ("aiokafka",)
_REPEAT_SECONDS = 30.0


def configure_logs(level: str, json: bool | None, secrets: Iterable[str] = ()) -> None:
    """Log everything to standard error, in one format.

    Args:
        level: the level of our own loggers. Libraries stay at INFO or above: at DEBUG they log messages.
        json: whether to write JSON; ``None`` for JSON unless standard error is a terminal.
        secrets: values that must not appear in a log.

    Raises:
        ConfigError: the level does not exist.
    """
    level = level.upper()
    if level not in LEVELS:
        raise ConfigError(f"LOG_LEVEL: expected one of {', '.join(LEVELS)}, got {level!r}")
    is_json = not sys.stderr.isatty() if json is None else json
    handler = log_handler(sys.stderr, is_json, secrets)
    logging.basicConfig(level=max(logging.INFO, logging.getLevelName(level)), handlers=[handler], force=True)
    logging.getLogger(_OURS).setLevel(level)
    if level != "DEBUG":
        # aiokafka logs every step of a rebalance at INFO. That helps only to debug aiokafka.
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)


def log_handler(stream: TextIO, json: bool, secrets: Iterable[str] = ()) -> logging.Handler:
    """Return the handler of ``configure_logs``: a line per event, without secrets and repeats."""
    handler = logging.StreamHandler(stream)
    redactor = Redactor(secrets)
    handler.setFormatter(_JsonLines(redactor) if json else _PlainLines(redactor))
    handler.addFilter(RepeatFilter(_TALKATIVE, _REPEAT_SECONDS))
    return handler


class _JsonLines(JsonFormatter):
    """``time`` (UTC, ISO 8601), ``level``, ``logger``, ``message``, the extra fields, ``exception``."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__(
            ["asctime", "levelname", "name", "message"],
            rename_fields={
                "asctime": "time",
                "levelname": "level",
                "name": "logger",
                "exc_info": "exception",
                "stack_info": "stack",
            },
            json_ensure_ascii=False,
        )
        self._redactor = redactor

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's own name
        return _utc(record).replace("+00:00", "Z")

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        # Redacted before it becomes JSON, as JSON may escape characters of a secret.
        return {key: value for key, value in self._redacted(log_data).items() if value is not None}

    def _redacted(self, log_data: dict[str, Any]) -> dict[str, Any]:
        redacted = self._redactor.value(log_data)
        assert isinstance(redacted, dict)  # noqa: S101 - a dict stays a dict; for the type checker
        return redacted


class _PlainLines(logging.Formatter):
    """``time level logger: message field=value ...``, and an exception's traceback below it."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redactor = redactor

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's own name
        return datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        fields: dict[str, Any] = merge_record_extra(record, {}, reserved=set(RESERVED_ATTRS))
        return " ".join([super().formatMessage(record), *(f"{key}={value}" for key, value in fields.items())])

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.text(super().format(record))


def _utc(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds")
