"""The rate limiter: for one process, or shared by many processes through Redis."""

from pipeline.limiter.factory import open_limiter
from pipeline.limiter.interface import (
    LimiterQueueFullError,
    LimiterSettings,
    LimiterStats,
    RateLimiter,
)
from pipeline.limiter.settings import SharedSettings
from pipeline.limiter.shared import TooManyProcessesError

__all__ = [
    "LimiterQueueFullError",
    "LimiterSettings",
    "LimiterStats",
    "RateLimiter",
    "SharedSettings",
    "TooManyProcessesError",
    "open_limiter",
]
