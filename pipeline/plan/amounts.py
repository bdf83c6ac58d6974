"""Reads amounts as people write them: ``8M`` events, ``900B``, ``100/s``, ``30m``."""

from __future__ import annotations

import re

from config.durations import parse_duration_seconds
from config.shown import shown

_FACTORS = {"": 1, "k": 1_000, "K": 1_000, "M": 1_000_000, "G": 1_000_000_000}
_COUNT = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)([kKMG]?)")
_BYTES = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(B|kB|KB|MB)?")
_BYTE_FACTORS = {None: 1, "B": 1, "kB": 1_000, "KB": 1_000, "MB": 1_000_000}
_PER_SECOND = re.compile(r"(\d{1,9})(?:/s)?")

_MOST_EVENTS_PER_DAY = 1e12
_LARGEST_PEAK_FACTOR = 1000.0
_LEAST_LIMIT, _MOST_LIMIT = 10, 100_000
_LONGEST_OUTAGE_SECONDS = 7 * 86_400.0
_LONGEST_REQUEST_SECONDS = 60.0


def events_per_day(text: str) -> float:
    """Return a number of events: ``8M``, ``500k``, ``250000``.

    Raises:
        ValueError: it is no such number, or not between 1 and a million million.
    """
    return _count(text, "events")


def people(text: str) -> float:
    """Return a number of people, written as a number of events is."""
    return _count(text, "people")


def peak_factor(text: str) -> float:
    """Return how many times the day's mean the busiest minutes are: a number from 1 to 1000."""
    expected = f"expected a number from 1 to {_LARGEST_PEAK_FACTOR:g}, such as 5"
    if not re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", text) or not 1 <= float(text) <= _LARGEST_PEAK_FACTOR:
        raise ValueError(f"{expected}, got {shown(text)}")
    return float(text)


def payload_bytes(text: str, most: int) -> int:
    """Return a size in bytes: ``900B``, ``1.5kB`` (1500), ``900``; at most ``most``."""
    expected = f"expected a size from 1B to {most}B, such as 900B or 1.5kB"
    match = _BYTES.fullmatch(text)
    size = round(float(match[1]) * _BYTE_FACTORS[match[2]]) if match else 0
    if not 1 <= size <= most:
        raise ValueError(f"{expected}, got {shown(text)}")
    return size


def requests_per_second(text: str) -> int:
    """Return a limit of requests: ``100/s``."""
    expected = f"expected whole requests per second from {_LEAST_LIMIT}/s to {_MOST_LIMIT}/s, such as 100/s"
    match = _PER_SECOND.fullmatch(text)
    if match is None or not _LEAST_LIMIT <= int(match[1]) <= _MOST_LIMIT:
        raise ValueError(f"{expected}, got {shown(text)}")
    return int(match[1])


def outage_seconds(text: str) -> float:
    """Return a duration of at most seven days."""
    return _seconds(text, _LONGEST_OUTAGE_SECONDS, "7d", least=0.0)


def request_seconds(text: str) -> float:
    """Return how long Customer.io takes for a request: a duration from 1 ms to 60 s."""
    return _seconds(text, _LONGEST_REQUEST_SECONDS, "60s", least=0.001)


def _count(text: str, what: str) -> float:
    expected = (
        f"expected a number of {what} from 1 to {_MOST_EVENTS_PER_DAY / 1e9:g}G, such as 8M, 500k or 250000"
    )
    match = _COUNT.fullmatch(text)
    count = float(match[1]) * _FACTORS[match[2]] if match else 0.0
    if not 1 <= count <= _MOST_EVENTS_PER_DAY:
        raise ValueError(f"{expected}, got {shown(text)}")
    return count


def _seconds(text: str, most: float, most_text: str, least: float) -> float:
    # A bare number would be milliseconds, which is hardly ever meant here.
    if not re.search(r"[a-z]", text):
        raise ValueError(f"expected a duration with its unit, such as 30m or 250ms, got {shown(text)}")
    seconds = parse_duration_seconds(text)
    if not least <= seconds <= most:
        raise ValueError(f"expected a duration of at most {most_text}, got {shown(text)}")
    return seconds
