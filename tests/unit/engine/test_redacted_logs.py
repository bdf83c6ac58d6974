"""Every line of the log, whoever wrote it: no secret, no control character, no endless line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from io import StringIO

import pytest
from locust.log import LogReader

from config.settings import load_settings
from engine.redacted_logs import redact_logs
from engine.start import _secrets

SECRET = "key-9c2d7e-hush"


@pytest.fixture
def handlers() -> Iterator[tuple[StringIO, LogReader]]:
    """What Locust gives a process: a handler for the terminal, and one for its page."""
    logger = logging.getLogger("test_redacted_logs")
    written, reader = StringIO(), LogReader()
    stream = logging.StreamHandler(written)
    stream.setFormatter(logging.Formatter("[%(levelname)s] %(message)s"))
    before = {handler: handler.formatter for handler in logging.getLogger().handlers}
    logger.addHandler(stream)
    logger.addHandler(reader)
    redact_logs([SECRET])
    yield written, reader
    logger.handlers.clear()
    for handler, formatter in before.items():
        handler.setFormatter(formatter)


def test_secrets_and_control_characters_reach_neither_the_terminal_nor_the_page(
    handlers: tuple[StringIO, LogReader],
) -> None:
    written, reader = handlers
    logger = logging.getLogger("test_redacted_logs")
    logger.warning("a server says %s, Authorization: Basic c2l0ZTprZXk=, \x1b[2Jgone", SECRET)
    try:
        raise ValueError(f"password={SECRET}")
    except ValueError:
        logger.exception("%s", "x" * 1990 + SECRET)
    text = written.getvalue()
    for shown in (text, "\n".join(reader.logs)):
        assert SECRET not in shown
        assert SECRET[:10] not in shown
        assert "c2l0ZTprZXk" not in shown
        assert r"\x1b[2Jgone" in shown
        assert "\x1b" not in shown
        assert "Traceback (most recent call last):\n" in shown
    assert text.startswith("[WARNING] a server says ***, Authorization: ")


def test_the_values_of_opentelemetrys_headers_are_secrets() -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=key-9c2d7e-hush, tenant=blue%20team",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "authorization=Bearer%20other-hush",
    }
    secrets = _secrets(load_settings({}), variables)
    assert {"key-9c2d7e-hush", "blue team", "Bearer other-hush"} <= set(secrets)
