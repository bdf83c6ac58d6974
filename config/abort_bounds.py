"""The bounds of the abort switch: how badly a run may go before it ends by itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from config.durations import format_duration
from config.profile_values import Options, PositiveSeconds, number

_Share = Annotated[float, BeforeValidator(number), Field(ge=0, le=1, allow_inf_nan=False)]


class AbortBounds(Options):
    """The table ``[abort]`` of a profile. A run ends when the last ``window`` seconds are above any bound.

    ``errors`` is the share of failed iterations, ``throttled`` that of 429 responses among all, ``latency``
    the p(95) of ``http_req_duration`` in seconds. Fewer than ``least`` iterations decide nothing.
    """

    errors: _Share = 0.1
    throttled: _Share = 0.05
    latency: PositiveSeconds = 5.0
    window: PositiveSeconds = 10.0
    least: Annotated[int, BeforeValidator(number), Field(ge=1, le=1_000_000)] = 20

    def describe(self) -> str:
        """Return the bounds in one line."""
        return (
            f"errors above {self.errors:.3g}, 429 responses above {self.throttled:.3g}, "
            f"p(95) above {format_duration(self.latency)}, each over the last {format_duration(self.window)}"
        )
