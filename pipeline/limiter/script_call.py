"""The constants that the limiter's Lua script and Python share. The script gets them with every call."""

from __future__ import annotations

import enum
import math

from pipeline.limiter.slowdown import CUT, FLOOR, RISE_PER_SECOND, ROUNDING

MICRO = 1_000_000
"""Microseconds in a second: the script counts in microseconds on the server's clock."""
CALL_SECONDS = 0.25
"""Redis must answer a call within this time."""
PROBE_SECONDS = 0.5
"""The pause between two attempts to reach Redis while it is unreachable."""
LEASE_SECONDS = 2.0
"""A process that makes no call for this long loses its permits and its place."""
HORIZON_SECONDS = 0.25
"""Starts are reserved at most this far ahead."""
SILENCE_SECONDS = 1.0
"""If no process has called for longer, some processes may have switched to their own part."""
ASK_AHEAD_SECONDS = 0.08
"""A process asks for more starts when its next or last start is this close."""
ALONE_SECONDS = PROBE_SECONDS + CALL_SECONDS
"""A start on the own part happens at most this long after the last attempt to reach Redis was sent."""
MARGIN_SECONDS = 0.05
"""Added to the time in which processes leave their own parts."""
_STEP_BACK_SECONDS = 1.0
_KEEP_SECONDS = 60.0


class AnswerKind(enum.IntEnum):
    """The first number of the script's answer."""

    OK = 0
    TOO_MANY = 1
    STALE = 2
    OTHER_WINDOW = 3


def microseconds(seconds: float) -> int:
    """Return a duration in the script's unit, rounded up."""
    return math.ceil(seconds * MICRO)


CONSTANTS = {
    "kinds": {kind.name.lower(): kind.value for kind in AnswerKind},
    "second": MICRO,
    "millisecond": MICRO // 1000,
    # After this and one span, every process has reached the server again and has left its own part.
    "reopen": microseconds(ALONE_SECONDS + MARGIN_SECONDS),
    "horizon": microseconds(HORIZON_SECONDS),
    "lease": microseconds(LEASE_SECONDS),
    "silence": microseconds(SILENCE_SECONDS),
    "ask_ahead": microseconds(ASK_AHEAD_SECONDS),
    # A smaller step back of the server's clock is waited out.
    "step_back": microseconds(_STEP_BACK_SECONDS),
    "keep": microseconds(_KEEP_SECONDS),
    "cut": CUT,
    "floor": FLOOR,
    "rise_per_second": RISE_PER_SECOND,
    "rounding": ROUNDING,
}
"""Durations in microseconds, shares and rates as they are."""
