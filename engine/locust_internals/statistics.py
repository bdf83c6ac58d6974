"""Locust's statistics, and who listens to its ``request`` event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from locust.env import Environment
from locust.stats import StatsEntry


def other_listeners(environment: Environment, own: Callable[..., Any]) -> list[Any]:
    """Return who listens to the ``request`` event beside Locust's own statistics and ``own``."""
    return [
        listener
        for listener in request_listeners(environment)
        # Python names the listener by which a runner feeds its statistics after where it is defined.
        if listener != own and getattr(listener, "__qualname__", "") != "Runner.__init__.<locals>.on_request"
    ]


def request_listeners(environment: Environment) -> list[Any]:
    """Return everybody who listens to the ``request`` event, in order."""
    listeners: list[Any] = environment.events.request._handlers
    return listeners


def cache_response_times(entry: StatsEntry, second: int) -> None:
    """Let an entry of Locust's statistics keep what its percentiles over the last seconds need."""
    entry._cache_response_times(second)
