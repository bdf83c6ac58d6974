"""Measures what one worker delivers on this machine, and keeps the result with its date and machine."""

from __future__ import annotations

import datetime
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from config.errors import ConfigError
from pipeline.operation import Operation
from pipeline.plan.demand import WorkerRate
from standin.own_process import LocalStandin

_ROOT = Path(__file__).resolve().parents[2]
_PEOPLE = 1000
_FEW, _MANY = 2_000, 22_000
# A rate holds for payloads of about the size that it was measured with.
_LARGEST_RATIO = 1.25
# Nothing of the user's own settings may slow the worker down or lead it elsewhere.
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV")
_SETTINGS = {
    "PIPELINE_ENV_FILE": os.devnull,
    "LIMIT_REQUESTS": "100000",
    "LIMIT_MIN_GAP_MS": "0",
    "LOG_LEVEL": "WARNING",
}


def measure(payload_bytes: int) -> WorkerRate:
    """Let a worker deliver events of a size to a stand-in on this machine, and return its rate.

    The worker is a process of its own and reads a file. It runs twice, with few and with many events; the
    rate is the difference of the events by the difference of its CPU seconds, so starting up does not count,
    and other programs on this machine hardly matter. Reading from a broker costs some more.

    Raises:
        ConfigError: the worker or the stand-in failed.
    """
    try:
        with LocalStandin() as standin, tempfile.TemporaryDirectory() as folder:
            few = _cpu_seconds(standin.url, Path(folder) / "few.jsonl", _FEW, payload_bytes)
            many = _cpu_seconds(standin.url, Path(folder) / "many.jsonl", _MANY, payload_bytes)
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"--calibrate: {error}") from error
    if many <= few:
        raise ConfigError("--calibrate: expected more CPU time for more events; try again on a quiet machine")
    return WorkerRate(
        events_per_cpu_second=round((_MANY - _FEW) / (many - few)),
        payload_bytes=payload_bytes,
        measured=datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        machine=this_machine(),
    )


def this_machine() -> str:
    """Return what tells this machine from others, for whoever reads a calibration later."""
    return (
        f"{platform.node() or 'unnamed'}, {os.cpu_count()} cores, {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def read(path: Path, payload_bytes: int) -> WorkerRate | None:
    """Return the rate kept for payloads of about this size; ``None`` if there is none of this machine.

    Raises:
        ConfigError: the file is not a calibration.
    """
    for rate in _read_all(path):
        ratio = max(rate.payload_bytes, payload_bytes) / min(rate.payload_bytes, payload_bytes)
        if ratio <= _LARGEST_RATIO and rate.machine == this_machine():
            return rate
    return None


def keep(path: Path, rate: WorkerRate) -> None:
    """Write a rate to the file, in place of one of the same size and machine.

    Raises:
        ConfigError: the file is not a calibration, or cannot be written.
    """
    others = [
        kept
        for kept in _read_all(path)
        if (kept.payload_bytes, kept.machine) != (rate.payload_bytes, rate.machine)
    ]
    content = {"calibrations": [asdict(kept) for kept in (rate, *others)]}
    try:
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--calibration: {path}: cannot be written: {error.strerror}") from error


def _read_all(path: Path) -> list[WorkerRate]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"--calibration: {path}: cannot be read as text") from None
    try:
        return [_checked(WorkerRate(**entry)) for entry in json.loads(text)["calibrations"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ConfigError(f"--calibration: {path}: not a calibration; remove it to measure again") from None


def _checked(rate: WorkerRate) -> WorkerRate:
    if not (rate.events_per_cpu_second > 0 and rate.payload_bytes > 0 and isinstance(rate.machine, str)):
        raise ValueError("not a rate")
    return rate


def _cpu_seconds(url: str, path: Path, events: int, payload_bytes: int) -> float:
    """Return the CPU seconds of a worker that delivers so many events."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(_lines(events, payload_bytes))
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = subprocess.run(  # noqa: S603 - this very program
        [sys.executable, "-m", "pipeline.worker", "--from", str(path)],
        cwd=_ROOT,
        env={**kept, **_SETTINGS, "CUSTOMERIO_BASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if finished.returncode:
        raise RuntimeError(f"the worker failed: {' '.join(finished.stderr.split()[-40:])}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _lines(events: int, payload_bytes: int) -> Iterator[str]:
    bare = Operation("track", "person-0000", {"filler": ""}, "calibration", 1_000_000_000, "0" * 26)
    filler = "x" * max(0, payload_bytes - len(bare.v2_item))
    for number in range(events):
        message = {
            "type": "track",
            "userId": f"person-{number % _PEOPLE:04d}",
            "payload": {"event": "calibration", "properties": {"filler": filler}},
        }
        yield json.dumps(message) + "\n"
