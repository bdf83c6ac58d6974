"""Checks for what a process says of its sinks: it comes over a network and may be anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

MOST_SAMPLES = 10**12
"""Samples in one report. A thousand generators at a thousand requests/s need eleven days for as many."""

GREATEST_NUMBER = 1e18
"""Magnitude of a number in one report: sums of such numbers stay far from infinity."""


def entries(state: object, *names: str) -> Sequence[Any]:
    """Return the state as the entries that ``names`` names, or raise ``ValueError``."""
    if not isinstance(state, (list, tuple)):
        raise ValueError(f"expected a list of {', '.join(names)}, got {type(state).__name__}")
    if len(state) != len(names):
        raise ValueError(f"expected {len(names)} entries ({', '.join(names)}), got {len(state)}")
    return state


def sample_count(name: str, value: object) -> int:
    """Return a number of samples, or raise ``ValueError``."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_SAMPLES:
        raise ValueError(f"{name}: expected a whole number from 0 to {MOST_SAMPLES}")
    return value


def finite_number(name: str, value: object) -> float:
    """Return a finite number of sensible magnitude as a float, or raise ``ValueError``."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError(f"{name}: expected a number, got {type(value).__name__}")
    # The comparison comes before the conversion: a great integer does not fit into a float. NaN fails it.
    if not -GREATEST_NUMBER <= value <= GREATEST_NUMBER or not math.isfinite(value):
        raise ValueError(f"{name}: expected a number of at most {GREATEST_NUMBER:g}")
    return float(value)


def in_order(least: float, greatest: float) -> None:
    """Raise ``ValueError`` if the least value is above the greatest."""
    if least > greatest:
        raise ValueError("min is above max")
