"""Durations in k6's grammar: ``1m30s``, ``100ms``, ``1.5h``. A number without a unit is milliseconds."""

from __future__ import annotations

import re

from config.nearest import did_you_mean
from config.shown import shown

_SECONDS_PER_UNIT = {
    "d": 86_400.0,
    "h": 3_600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "ns": 1e-9,
}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|us|µs|ns|d|h|m|s)")
_BARE_MILLISECONDS = re.compile(r"\d+(?:\.\d*)?|\.\d+")

_IN_WORDS = re.compile(
    r"(\d{1,9}(?:\.\d{1,9})?)\s*(milliseconds?|msecs?|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?)",
    re.IGNORECASE,
)

EXPECTED = "a duration such as '1m30s', '10s' or '100ms'"


def parse_duration_seconds(text: str) -> float:
    """Parse a duration and return its seconds.

    Units are d, h, m, s, ms, us and ns, in any number of parts. A number without a unit is milliseconds, as
    in k6. Negative durations are refused, because a load test has none.

    Raises:
        ValueError: the text is not such a duration.
    """
    stripped = text.strip()
    if _BARE_MILLISECONDS.fullmatch(stripped):
        return float(stripped) / 1000.0
    seconds = 0.0
    position = 0
    while position < len(stripped):
        part = _PART.match(stripped, position)
        if part is None:
            break
        seconds += float(part[1]) * _SECONDS_PER_UNIT[part[2]]
        position = part.end()
    if not stripped or position < len(stripped):
        raise ValueError(f"expected {EXPECTED}, got {shown(text)}{did_you_mean(_meant(stripped))}")
    return seconds


def _meant(text: str) -> str | None:
    """Return the duration that somebody wrote with the unit as a word."""
    match = _IN_WORDS.fullmatch(text[:60])
    if match is None:
        return None
    word = match[2].lower()
    return f"'{match[1]}{'ms' if word.startswith(('milli', 'ms')) else word[0]}'"


def format_duration(seconds: float) -> str:
    """Return a duration in k6's grammar: ``9m``, ``1m30s``, ``54s``, ``100ms``.

    It is rounded to milliseconds below a minute, and to whole seconds from there on.
    """
    if seconds < 1:
        return f"{round(seconds * 1000):d}ms"
    if seconds < 60:
        return f"{round(seconds, 3):g}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "m"), (rest, "s")]
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def format_milliseconds(milliseconds: float) -> str:
    """Return milliseconds with three digits, in the best unit: ``250µs``, ``12.3ms``, ``1.23s``."""
    if milliseconds < 0.9995:
        return f"{milliseconds * 1000:.0f}µs"
    value, unit = (milliseconds, "ms") if milliseconds < 999.5 else (milliseconds / 1000, "s")
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f}{unit}"
