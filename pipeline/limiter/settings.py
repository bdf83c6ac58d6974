"""The settings of a shared limiter, and the checks of all limiter settings."""

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
        name: processes that use the same name share the limit.
        max_processes: the most processes that may share it; one more is refused. While Redis is unreachable
            each process uses at most one ``max_processes``-th of the limit.
        without_redis: ``share`` goes on with that part while Redis is unreachable; ``wait`` starts nothing.
    """

    name: str = "track"
    max_processes: int = 8
    without_redis: Literal["share", "wait"] = "share"


def check(settings: LimiterSettings) -> None:
    """Check the limits of any limiter.

    Raises:
        ConfigError: a limit is out of range or not a number.
    """
    for name in ("requests", "concurrency", "max_queued"):
        if getattr(settings, name) < 1:
            raise ConfigError(f"limiter: {name}: expected 1 or more, got {getattr(settings, name)}")
    if not (math.isfinite(settings.window_seconds) and settings.window_seconds > 0):
        raise ConfigError(f"limiter: window_seconds: expected more than 0, got {settings.window_seconds}")
    if not (math.isfinite(settings.min_gap_seconds) and settings.min_gap_seconds >= 0):
        raise ConfigError(f"limiter: min_gap_seconds: expected 0 or more, got {settings.min_gap_seconds}")


def check_shared(settings: LimiterSettings, shared: SharedSettings) -> None:
    """Check the limits and how they are shared.

    Raises:
        ConfigError: a setting is out of range. Each process needs at least one start and one permit.
    """
    check(settings)
    if not shared.name or set(shared.name) & set("{}"):
        raise ConfigError(f"limiter: name: expected a name without braces, got {shared.name!r}")
    most = min(settings.requests, settings.concurrency)
    if not 1 <= shared.max_processes <= most:
        raise ConfigError(
            f"limiter: max_processes: expected 1 to {most}, so that each process keeps at least one "
            f"request and one permit while Redis is unreachable, got {shared.max_processes}"
        )
    if shared.without_redis not in ("share", "wait"):
        raise ConfigError(f"limiter: without_redis: expected 'share' or 'wait', got {shared.without_redis!r}")
