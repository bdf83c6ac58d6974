"""Checks of the limiter's settings, and what only the shared form has to be told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from config.errors import ConfigError
from pipeline.limiter.interface import LimiterSettings


@dataclass(frozen=True)
class SharedSettings:
    """How processes share a limit.

    Args:
        name: whose limit it is; processes that give the same name share it.
        max_processes: one more is refused. Without Redis each keeps to this part of the limit.
        without_redis: ``share``: go on with that part; ``wait``: start nothing until it is back.
    """

    name: str = "track"
    max_processes: int = 8
    without_redis: Literal["share", "wait"] = "share"


def check(settings: LimiterSettings) -> None:
    """Raises:
    ConfigError: a limit with which nothing could ever start, or that is no number.
    """
    for name in ("requests", "concurrency", "max_queued"):
        if getattr(settings, name) < 1:
            raise ConfigError(f"limiter: {name}: expected 1 or more, got {getattr(settings, name)}")
    if not (math.isfinite(settings.window_seconds) and settings.window_seconds > 0):
        raise ConfigError(f"limiter: window_seconds: expected more than 0, got {settings.window_seconds}")
    if not (math.isfinite(settings.min_gap_seconds) and settings.min_gap_seconds >= 0):
        raise ConfigError(f"limiter: min_gap_seconds: expected 0 or more, got {settings.min_gap_seconds}")


def check_shared(settings: LimiterSettings, shared: SharedSettings) -> None:
    """Raises:
    ConfigError: there is no whole start or no whole permit for each process.
    """
    check(settings)
    if not shared.name or set(shared.name) & set("{}"):
        raise ConfigError(f"limiter: name: expected a name without braces, got {shared.name!r}")
    most = min(settings.requests, settings.concurrency)
    if not 1 <= shared.max_processes <= most:
        raise ConfigError(
            f"limiter: max_processes: expected 1 to {most}, so that each has a request and a permit "
            f"of its own without Redis; got {shared.max_processes}"
        )
    if shared.without_redis not in ("share", "wait"):
        raise ConfigError(f"limiter: without_redis: expected 'share' or 'wait', got {shared.without_redis!r}")
