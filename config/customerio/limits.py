"""Customer.io's published limits, read from ``limits.toml`` beside this file."""

from __future__ import annotations

import datetime
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Limit:
    """One published limit: its value and unit, where it was published, and the day it was read.

    ``higher_reading`` is set where what was published can be read in two ways; nothing relies on it.
    """

    value: int
    unit: str
    source: str
    read: datetime.date
    higher_reading: int | None = None


@cache
def published_limits() -> dict[str, Limit]:
    """Return all limits by name.

    Raises:
        OSError, tomllib.TOMLDecodeError, TypeError: the data file is missing or damaged.
    """
    text = Path(__file__).with_name("limits.toml").read_text(encoding="utf-8")
    return {name: Limit(**entry) for name, entry in tomllib.loads(text).items()}


def limit(name: str) -> int:
    """Return the value of one limit; ``KeyError`` if ``limits.toml`` has no such name."""
    return published_limits()[name].value
