"""The HTTP server for probes of an orchestrator and scrapes of Prometheus."""

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

#: Returns what is wrong, without personal data; ``None`` if nothing is.
Check = Callable[[], str | None]

# Answers are short, so a stopping process needs to wait no longer for them.
_SHUTDOWN_SECONDS = 1.0


def _always_well() -> None:
    """Return ``None``: nothing is wrong."""


@dataclass(frozen=True)
class Checks:
    """The checks behind the probes. Each must return without waiting.

    Args:
        alive: whether the process works or can still recover; if not, it should be restarted.
        ready: whether the process can deliver now.
    """

    alive: Check = _always_well
    ready: Check = _always_well


_ALL_IS_WELL = Checks()


@asynccontextmanager
async def health_page(
    settings: OperationsSettings, metrics: PipelineMetrics, checks: Checks = _ALL_IS_WELL
) -> AsyncIterator[None]:
    """Run the health server inside the block, if the settings ask for one.

    Raises:
        ConfigError: the server can't listen on its address.
    """
    if settings.health_port is None:
        yield
        return
    async with HealthServer(settings.health_host, settings.health_port, metrics, checks):
        yield


class HealthServer:
    """Serves ``/healthz`` and ``/readyz`` (200, or 503 with the reason), and ``/metrics``.

    It runs on the event loop that does the work, so a probe times out when that loop is blocked.

    Args:
        host: the address to listen on. There is no login.
        port: the port to listen on; 0 for any free port, which ``port`` then holds.
        metrics: what ``/metrics`` returns.
        checks: what ``/healthz`` and ``/readyz`` return.
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
        # No access log: it would only show a probe every few seconds.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)

    async def __aenter__(self) -> Self:
        """Begin to listen.

        Raises:
            ConfigError: the address or the port can't be used.
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
    # The text of asyncio repeats the address.
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.rpartition(": ")[2].rstrip("]")
    return str(error)
