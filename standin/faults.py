"""What goes wrong on purpose, and how often."""

from __future__ import annotations

import enum
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from standin.latency import EXPECTED_LATENCY, Latency


class Fault(enum.Enum):
    """What may happen to a request instead of an honest answer."""

    ERROR = "error"  # 500, nothing stored
    RESET = "reset"  # the connection is torn down (TCP RST), nothing stored
    HANG = "hang"  # stored, but the answer is held back
    DROP = "drop"  # 200, nothing stored


@dataclass(frozen=True)
class Faults:
    """The faults in force. Shares are of all requests with good credentials and within the rate limit.

    Every request meets one fault at most, so the shares add up to 1 or less.
    """

    latency: Latency = field(default_factory=Latency)
    error_share: float = 0.0
    reset_share: float = 0.0
    hang_share: float = 0.0
    hang_seconds: float | None = None  # None: for ever
    drop_share: float = 0.0
    rate_limit: int | None = None  # requests per second; None: no limit
    retry_after: bool = False
    seed: int | None = None  # None: different every time

    def __post_init__(self) -> None:
        if math.fsum(self._shares().values()) > 1.0 + 1e-9:
            raise ValueError("error, reset, hang and drop shares: expected a sum of at most 1")

    def _shares(self) -> dict[Fault, float]:
        return {
            Fault.ERROR: self.error_share,
            Fault.RESET: self.reset_share,
            Fault.HANG: self.hang_share,
            Fault.DROP: self.drop_share,
        }

    def thresholds(self) -> list[tuple[float, Fault]]:
        """Where in [0, 1) each fault that can happen ends; empty if none can."""
        reached = 0.0
        thresholds = []
        for fault, share in self._shares().items():
            if share > 0.0:
                reached += share
                thresholds.append((reached, fault))
        return thresholds

    def changed(self, values: Mapping[str, Any]) -> Faults:
        """These faults with some of them set anew, by name, from JSON values.

        Raises:
            ValueError: an unknown name or a bad value; the message says which and what is expected.
        """
        checked = {}
        for name, value in values.items():
            if name not in CHECKS:
                raise ValueError(f"{name}: no such fault; there are {', '.join(CHECKS)}")
            try:
                checked[name] = CHECKS[name](value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return replace(self, **checked)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "latency": str(self.latency)}


def check_latency(value: object) -> Latency:
    if value is None:
        return Latency()
    if not isinstance(value, str):
        raise ValueError(f"expected {EXPECTED_LATENCY}, got {value!r}")
    return Latency.parse(value)


def check_share(value: object) -> float:
    share = _number(value)
    if share is None or not 0.0 <= share <= 1.0:
        raise ValueError(f"expected a share between 0 and 1, got {value!r}")
    return share


def check_seconds(value: object) -> float:
    seconds = _number(value)
    if seconds is None or not 0.0 <= seconds < math.inf:
        raise ValueError(f"expected a number of seconds, 0 or more, got {value!r}")
    return seconds


def check_hang_seconds(value: object) -> float | None:
    return None if value is None else check_seconds(value)


def check_rate_limit(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1_000_000:
        raise ValueError(f"expected whole requests per second, 1 to 1000000, got {value!r}")
    return value


def check_retry_after(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {value!r}")
    return value


def check_seed(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ValueError(f"expected a whole number, got {value!r}")
    return value


CHECKS: dict[str, Callable[[object], Any]] = {
    "latency": check_latency,
    "error_share": check_share,
    "reset_share": check_share,
    "hang_share": check_share,
    "hang_seconds": check_hang_seconds,
    "drop_share": check_share,
    "rate_limit": check_rate_limit,
    "retry_after": check_retry_after,
    "seed": check_seed,
}


class FaultSource:
    """Draws the fate of one request after the other.

    With a seed the same requests in the same order meet the same fate. Faults and latencies come
    from two sequences, so that switching one on leaves the other as it was.
    """

    def __init__(self, faults: Faults) -> None:
        self._thresholds = faults.thresholds()
        self._latency = faults.latency
        self._fates = _sequence(faults.seed, "faults")
        self._latencies = _sequence(faults.seed, "latencies")

    def draw(self) -> Fault | None:
        if not self._thresholds:
            return None
        point = self._fates.random()
        return next((fault for end, fault in self._thresholds if point < end), None)

    def draw_latency_seconds(self) -> float:
        return self._latency.draw_seconds(self._latencies)


def _sequence(seed: int | None, name: str) -> random.Random:
    # Chance for a test server, nothing secret.
    return random.Random(None if seed is None else f"{seed} {name}")  # noqa: S311


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
