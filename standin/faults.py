"""Fault injection: which faults and latencies there are, how often, and the draw for each request."""

from __future__ import annotations

import enum
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from config.durations import parse_duration_seconds

EXPECTED_LATENCY = "a latency such as '20ms' or 'lognormal:20ms,0.5' (median, sigma)"

_LOGNORMAL = "lognormal:"


class InjectedFault(enum.Enum):
    """What can happen to a request instead of a normal response."""

    ERROR = "error"  # 500, nothing is stored
    RESET = "reset"  # a TCP RST, nothing is stored
    HANG = "hang"  # stored, but the response is held back
    DROP = "drop"  # 200, nothing is stored


@dataclass(frozen=True)
class Latency:
    """A fixed latency (sigma 0) or a log-normal one: ``median * exp(sigma * N(0, 1))``.

    Log-normal resembles the latencies of real services: never negative, with a long tail.
    """

    median_seconds: float = 0.0
    sigma: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Latency:
        """Parse ``20ms`` or ``lognormal:20ms,0.5``.

        Raises:
            ValueError: the text has neither form.
        """
        try:
            if not text.startswith(_LOGNORMAL):
                return cls(parse_duration_seconds(text))
            median, _, sigma = text.removeprefix(_LOGNORMAL).partition(",")
            latency = cls(parse_duration_seconds(median), float(sigma))
        except ValueError:
            raise ValueError(f"expected {EXPECTED_LATENCY}, got {text!r}") from None
        if not (math.isfinite(latency.sigma) and latency.sigma >= 0.0 and latency.median_seconds > 0.0):
            raise ValueError(f"expected {EXPECTED_LATENCY}, with both above 0, got {text!r}")
        return latency

    def draw_seconds(self, source: random.Random) -> float:
        """Draw one latency."""
        if self.sigma == 0.0:
            return self.median_seconds
        return self.median_seconds * math.exp(source.gauss(0.0, self.sigma))

    def __str__(self) -> str:
        median = f"{self.median_seconds * 1000:g}ms"
        return median if self.sigma == 0.0 else f"{_LOGNORMAL}{median},{self.sigma:g}"


@dataclass(frozen=True)
class Faults:
    """The faults in force. Shares are of the requests with accepted credentials within the rate limit.

    A request meets at most one fault, so the shares add up to at most 1.
    """

    latency: Latency = field(default_factory=Latency)
    error_share: float = 0.0
    reset_share: float = 0.0
    hang_share: float = 0.0
    hang_seconds: float | None = None  # None: until the client leaves
    drop_share: float = 0.0
    rate_limit: int | None = None  # requests per second; None: no limit
    retry_after: bool = False
    app_limits: bool = True  # the published limits of the App API
    seed: int | None = None  # None: different every time

    def __post_init__(self) -> None:
        if math.fsum(self._shares().values()) > 1.0 + 1e-9:
            raise ValueError("error, reset, hang and drop shares: expected a sum of at most 1")

    def _shares(self) -> dict[InjectedFault, float]:
        return {
            InjectedFault.ERROR: self.error_share,
            InjectedFault.RESET: self.reset_share,
            InjectedFault.HANG: self.hang_share,
            InjectedFault.DROP: self.drop_share,
        }

    def thresholds(self) -> list[tuple[float, InjectedFault]]:
        """Return for each fault that can happen the end of its part of [0, 1)."""
        reached = 0.0
        thresholds = []
        for fault, share in self._shares().items():
            if share > 0.0:
                reached += share
                thresholds.append((reached, fault))
        return thresholds

    def changed(self, values: Mapping[str, Any]) -> Faults:
        """Return these faults with the JSON values of ``values`` in place of some, by name.

        Raises:
            ValueError: an unknown name or a wrong value; the message names it and what is expected.
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


def check_optional_seconds(value: object) -> float | None:
    return None if value is None else check_seconds(value)


def check_rate_limit(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1_000_000:
        raise ValueError(f"expected whole requests per second, 1 to 1000000, got {value!r}")
    return value


def check_switch(value: object) -> bool:
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
    "hang_seconds": check_optional_seconds,
    "drop_share": check_share,
    "rate_limit": check_rate_limit,
    "retry_after": check_switch,
    "app_limits": check_switch,
    "seed": check_seed,
}


class FaultSource:
    """Draws a fault and a latency for each request.

    With a seed, the same requests in the same order meet the same faults. Faults and latencies are two
    sequences, so that a change of one leaves the other as it was.
    """

    def __init__(self, faults: Faults) -> None:
        self._thresholds = faults.thresholds()
        self._latency = faults.latency
        self._faults = _sequence(faults.seed, "faults")
        self._latencies = _sequence(faults.seed, "latencies")

    def draw(self) -> InjectedFault | None:
        """Draw the fault of the next request, or ``None``."""
        if not self._thresholds:
            return None
        point = self._faults.random()
        return next((fault for end, fault in self._thresholds if point < end), None)

    def draw_latency_seconds(self) -> float:
        """Draw the latency of the next request."""
        return self._latency.draw_seconds(self._latencies)


def _sequence(seed: int | None, name: str) -> random.Random:
    # The draws of a test server protect nothing, so they need no cryptographic source.
    return random.Random(None if seed is None else f"{seed} {name}")  # noqa: S311


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
