"""The limiter that fits the settings."""

from __future__ import annotations

from pipeline.limiter.interface import LimiterSettings, RateLimiter
from pipeline.limiter.local import LocalLimiter
from pipeline.limiter.redis_link import RedisLink
from pipeline.limiter.settings import SharedSettings, check, check_shared
from pipeline.limiter.shared import SharedLimiter


async def open_limiter(
    settings: LimiterSettings | None = None,
    redis_url: str | None = None,
    shared: SharedSettings | None = None,
) -> RateLimiter:
    """A limiter for the running event loop, to be closed with ``aclose()``.

    Args:
        settings: the limits; the defaults if none are given.
        redis_url: where the limit is counted for many processes; in this process alone without it.
        shared: how it is shared.

    Raises:
        ConfigError: settings that can't be, or Redis refuses this process; see ``SharedLimiter.open``.
    """
    settings = settings or LimiterSettings()
    if redis_url is None:
        check(settings)
        return LocalLimiter(settings)
    shared = shared or SharedSettings()
    check_shared(settings, shared)
    link = RedisLink(redis_url, f"customerio-limiter:{{{shared.name}}}")
    return await SharedLimiter.open(link, settings, shared)
