"""The health server, asked over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
import yaml

from config.errors import ConfigError
from pipeline.monitoring.health import Checks, HealthServer
from pipeline.monitoring.metrics import PipelineMetrics

ROOT = Path(__file__).resolve().parents[3]
HOST = "127.0.0.1"
Use = Callable[[aiohttp.ClientSession, PipelineMetrics, dict[str, str | None]], Awaitable[None]]


def with_server(use: Use) -> None:
    """Runs `use` with a client, the metrics and the two checks' answers, which it may change."""

    async def serve() -> None:
        metrics = PipelineMetrics()
        answers: dict[str, str | None] = {"alive": None, "ready": None}
        checks = Checks(lambda: answers["alive"], lambda: answers["ready"])
        async with (
            HealthServer(HOST, 0, metrics, checks) as server,
            aiohttp.ClientSession(f"http://{HOST}:{server.port}") as client,
        ):
            await use(client, metrics, answers)

    asyncio.run(serve())


async def ask(client: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, str, str]:
    async with client.get(path, headers=headers) as response:
        return response.status, response.headers["Content-Type"], await response.text()


@pytest.mark.parametrize(("path", "check"), [("/healthz", "alive"), ("/readyz", "ready")])
def test_a_probe_hears_the_reason_for_as_long_as_there_is_one(path: str, check: str) -> None:
    async def use(
        client: aiohttp.ClientSession, metrics: PipelineMetrics, answers: dict[str, str | None]
    ) -> None:
        assert (await ask(client, path))[::2] == (200, "ok\n")
        answers[check] = "no partition assigned"
        assert (await ask(client, path))[::2] == (503, "no partition assigned\n")
        other = {"/healthz": "/readyz", "/readyz": "/healthz"}[path]
        assert (await ask(client, other))[0] == 200
        answers[check] = None
        assert (await ask(client, path))[0] == 200

    with_server(use)


def test_a_scraper_gets_the_metrics_in_the_format_it_asks_for() -> None:
    async def use(
        client: aiohttp.ClientSession, metrics: PipelineMetrics, answers: dict[str, str | None]
    ) -> None:
        metrics.count_delivered("identify", 0.5)
        status, content_type, text = await ask(client, "/metrics")
        assert status == 200
        assert content_type.startswith("text/plain; version=")
        assert 'customerio_delivered_total{kind="identify"} 1.0\n' in text
        status, content_type, text = await ask(
            client, "/metrics", Accept="application/openmetrics-text; version=1.0.0"
        )
        assert status == 200
        assert content_type.startswith("application/openmetrics-text; version=1.0.0")
        assert text.endswith("# EOF\n")

    with_server(use)


def test_there_is_nothing_else() -> None:
    async def use(
        client: aiohttp.ClientSession, metrics: PipelineMetrics, answers: dict[str, str | None]
    ) -> None:
        assert (await ask(client, "/"))[0] == 404
        async with client.post("/metrics") as response:
            assert response.status == 405

    with_server(use)


def test_the_compose_files_health_check_understands_it() -> None:
    """The container's command against the real server; only the port differs."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    word, *command = compose["services"]["pipeline-worker"]["healthcheck"]["test"]
    assert word == "CMD"

    async def use(
        client: aiohttp.ClientSession, metrics: PipelineMetrics, answers: dict[str, str | None]
    ) -> None:
        async with client.get("/healthz") as response:
            port = str(response.url.port)

        async def exit_code() -> int:
            process = await asyncio.create_subprocess_exec(*(part.replace("9464", port) for part in command))
            return await asyncio.wait_for(process.wait(), 10)

        assert await exit_code() == 0
        answers["ready"] = "no partition assigned"
        assert await exit_code() != 0

    with_server(use)


def test_a_port_in_use_is_one_line() -> None:
    checks = Checks(lambda: None, lambda: None)

    async def start_twice() -> str:
        async with HealthServer(HOST, 0, PipelineMetrics(), checks) as first:
            with pytest.raises(ConfigError) as raised:
                await HealthServer(HOST, first.port, PipelineMetrics(), checks).__aenter__()
            return str(raised.value).replace(str(first.port), "PORT")

    assert asyncio.run(start_twice()) == (
        "HEALTH_HOST, HEALTH_PORT: expected an address and a port that are free, "
        "cannot listen on 127.0.0.1:PORT: address already in use"
    )


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 0), (HOST, 70000)])
def test_an_address_that_is_none_is_one_line_too(host: str, port: int) -> None:
    async def start() -> None:
        await HealthServer(host, port, PipelineMetrics(), Checks(lambda: None, lambda: None)).__aenter__()

    with pytest.raises(ConfigError, match=r"^HEALTH_HOST, HEALTH_PORT: ") as raised:
        asyncio.run(start())
    assert "\n" not in str(raised.value)
