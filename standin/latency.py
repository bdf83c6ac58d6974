"""How long the stand-in takes to answer."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from config.durations import parse_duration_seconds

EXPECTED_LATENCY = "a latency such as '20ms' or 'lognormal:20ms,0.5' (median, sigma)"

_LOGNORMAL = "lognormal:"


@dataclass(frozen=True)
class Latency:
    """A fixed latency (sigma 0) or a log-normal one: ``median * exp(sigma * N(0, 1))``.

    Log-normal is what latencies of real services look like: never negative, with a long tail.
    """

    median_seconds: float = 0.0
    sigma: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Latency:
        """Reads ``20ms`` or ``lognormal:20ms,0.5``.

        Raises:
            ValueError: it is neither.
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
        if self.sigma == 0.0:
            return self.median_seconds
        return self.median_seconds * math.exp(source.gauss(0.0, self.sigma))

    def __str__(self) -> str:
        median = f"{self.median_seconds * 1000:g}ms"
        return median if self.sigma == 0.0 else f"{_LOGNORMAL}{median},{self.sigma:g}"
