"""What a line of the log looks like, for a collector and for a person."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from pipeline.monitoring.logs import configure_logs, log_handler
from pipeline.monitoring.repeats import RepeatFilter

ROOT = Path(__file__).resolve().parents[3]
SECRET = 'key-"with\\quotes'


class Log:
    """A logger of its own with our handler, and what was written through it."""

    def __init__(self, name: str, is_json: bool) -> None:
        self._stream = io.StringIO()
        self.handler = log_handler(self._stream, is_json, [SECRET])
        self.logger = logging.getLogger(name)
        self.logger.addHandler(self.handler)
        self.logger.propagate = False
        self.logger.setLevel(logging.DEBUG)

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def close(self) -> None:
        self.logger.removeHandler(self.handler)
        self.logger.propagate = True


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log("pipeline.test_logs", True)
    yield log
    log.close()


@pytest.fixture
def plain() -> Iterator[Log]:
    log = Log("pipeline.test_logs", False)
    yield log
    log.close()


def fail(text: str) -> None:
    raise RuntimeError(text)


def test_an_event_is_a_line_of_json_with_its_fields(log: Log) -> None:
    before = datetime.now(UTC)
    log.logger.warning("paused %s", "events/3", extra={"partition": 3, "reason": "503"})
    (event,) = log.events
    moment = datetime.fromisoformat(event.pop("time"))
    assert moment.tzinfo == UTC
    assert abs((moment - before).total_seconds()) < 60
    assert event == {
        "level": "WARNING", "logger": "pipeline.test_logs", "message": "paused events/3",
        "partition": 3, "reason": "503",
    }  # fmt: skip


def test_an_exception_is_one_field_of_the_one_line(log: Log) -> None:
    try:
        fail("two\nlines")
    except RuntimeError:
        log.logger.exception("went wrong")
    (event,) = log.events
    assert event["exception"].startswith("Traceback")
    assert event["exception"].endswith("RuntimeError: two\nlines")
    assert log.text.count("\n") == 1


@pytest.mark.parametrize("fixture", ["log", "plain"])
def test_no_secret_is_in_a_message_a_field_or_an_exception(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    log: Log = request.getfixturevalue(fixture)
    basic = "Basic c2l0ZTpvdGhlci1rZXk="
    try:
        fail(f"redis://user:pass-word@cache answered; {SECRET}; Authorization: {basic}")
    except RuntimeError:
        log.logger.exception(
            "with %s and %r", SECRET, {"Authorization": basic}, extra={"sent": {"as": SECRET}}
        )
    for secret in (SECRET, json.dumps(SECRET)[1:-1], "pass-word", "c2l0ZTpvdGhlci1rZXk="):
        assert secret not in log.text
    assert "***" in log.text


def test_a_person_reads_plain_lines_with_the_fields_behind(plain: Log) -> None:
    plain.logger.info("delivered", extra={"count": 12})
    assert plain.text.endswith(" INFO pipeline.test_logs: delivered count=12\n")
    with pytest.raises(json.JSONDecodeError):
        json.loads(plain.text)


def test_repeats_of_a_library_are_held_back_and_counted() -> None:
    now = 100.0
    repeats = RepeatFilter(("aiokafka",), 30.0, lambda: now)

    def say(name: str, message: str) -> logging.LogRecord | None:
        record = logging.LogRecord(name, logging.ERROR, "", 0, message, None, None)
        return record if repeats.filter(record) else None

    assert say("aiokafka", "away")
    assert [say("aiokafka", "away") for _ in range(3)] == [None] * 3
    assert say("aiokafka", "something else")
    assert say("aiokafka.consumer.fetcher", "away")
    assert all(say("pipeline.worker", "away") for _ in range(3))
    assert all(say("aiokafkaesque", "away") for _ in range(3))
    now = 129.9
    assert say("aiokafka", "away") is None
    now = 130.0
    record = say("aiokafka", "away")
    assert record is not None
    assert record.__dict__["held_back"] == 4
    now = 160.0
    record = say("aiokafka", "away")
    assert record is not None
    assert "held_back" not in record.__dict__


def test_repeats_are_forgotten_before_they_fill_the_memory() -> None:
    repeats = RepeatFilter(("aiokafka",), 30.0, lambda: 0.0)
    for number in range(3000):
        assert repeats.filter(logging.LogRecord("aiokafka", 40, "", 0, f"line {number}", None, None))
    assert len(repeats._last) == 1000


def test_an_unknown_level_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^LOG_LEVEL: expected one of DEBUG, .*got 'LOUD'$"):
        configure_logs("loud", None)


def test_a_process_logs_json_to_what_is_no_terminal_and_libraries_never_at_debug() -> None:
    script = """
import logging, warnings
from pipeline.monitoring.logs import configure_logs
configure_logs("debug", None, ["hush-hush"])
logging.getLogger("pipeline.x").debug("ours")
logging.getLogger("aiokafka.conn").debug("a message's value")
logging.getLogger("aiokafka.conn").info("hush-hush")
warnings.warn("deprecated")
"""
    finished = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert finished.stdout == ""
    events = [json.loads(line) for line in finished.stderr.splitlines()]
    assert [(event["logger"], event["level"]) for event in events] == [
        ("pipeline.x", "DEBUG"), ("aiokafka.conn", "INFO"), ("py.warnings", "WARNING"),
    ]  # fmt: skip
    assert events[1]["message"] == "***"
