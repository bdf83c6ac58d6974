"""Opens the limiter that the settings ask for."""

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
    """Return a limiter for the running event loop. Close it with ``aclose()``.

    Args:
        settings: the limits; ``None`` for the defaults.
        redis_url: the Redis through which processes share the limit; ``None`` for a limit of this process.
        shared: how processes share the limit.

    Raises:
        ConfigError: a setting is out of range, or Redis refuses this process; see ``SharedLimiter.open``.
    """
    settings = settings or LimiterSettings()
    if redis_url is None:
        check(settings)
        return LocalLimiter(settings)
    shared = shared or SharedSettings()
    check_shared(settings, shared)
    link = RedisLink(redis_url, f"customerio-limiter:{{{shared.name}}}")
    return await SharedLimiter.open(link, settings, shared)
