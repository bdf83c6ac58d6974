"""What an orchestrator and Prometheus ask a process over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiohttp import web

from config.errors import ConfigError
from pipeline.monitoring.metrics import PipelineMetrics
from pipeline.settings import OperationsSettings

#: Says why not, in words without personal data; ``None`` is good.
Check = Callable[[], str | None]

# Answers are short: nobody keeps an ending process waiting for longer.
_SHUTDOWN_SECONDS = 1.0


def _fine() -> None:
    """Nothing is wrong."""


@dataclass(frozen=True)
class Checks:
    """What is asked at each probe; both return at once. What is not given is always well.

    Args:
        alive: whether the process does its work or can still come to do it; if not, it is to be replaced.
        ready: whether it can deliver now.
    """

    alive: Check = _fine
    ready: Check = _fine


_ALL_IS_WELL = Checks()


@asynccontextmanager
async def health_page(
    settings: OperationsSettings, metrics: PipelineMetrics, checks: Checks = _ALL_IS_WELL
) -> AsyncIterator[None]:
    """The page, while its block lasts, where the settings ask for one.

    Raises:
        ConfigError: it can't listen there.
    """
    if settings.health_port is None:
        yield
        return
    async with HealthServer(settings.health_host, settings.health_port, metrics, checks):
        yield


class HealthServer:
    """``/healthz``, ``/readyz`` (200, or 503 with the reason) and ``/metrics``, while its block lasts.

    It answers from the event loop that does the work: where that stands still, a probe times out.

    Args:
        host: where to listen; it signs nobody in.
        port: 0 for a free one, then in ``port``.
    """

    def __init__(self, host: str, port: int, metrics: PipelineMetrics, checks: Checks) -> None:
        self.port = port
        self._host = host
        self._metrics = metrics
        self._checks = checks
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._scrape)
        # No access log: probes come every few seconds and say nothing.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)

    async def __aenter__(self) -> Self:
        """Listens.

        Raises:
            ConfigError: it cannot listen there.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self.port).start()
        except (OSError, OverflowError, UnicodeError) as error:
            await self._runner.cleanup()
            place = f"{self._host}:{self.port}"
            raise ConfigError(
                "HEALTH_HOST, HEALTH_PORT: expected an address and a port that are free, "
                f"cannot listen on {place}: {_reason(error)}"
            ) from error
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        return _answer(self._checks.alive())

    async def _readyz(self, request: web.Request) -> web.Response:
        return _answer(self._checks.ready())

    async def _scrape(self, request: web.Request) -> web.Response:
        body, content_type = self._metrics.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})


def _answer(reason: str | None) -> web.Response:
    if reason is None:
        return web.Response(text="ok\n")
    return web.Response(status=503, text=f"{reason}\n")


def _reason(error: OSError | OverflowError | UnicodeError) -> str:
    # asyncio's own text repeats the address.
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.rpartition(": ")[2].rstrip("]")
    return str(error)
