"""A server that gives the answers it is told to, for what the stand-in never does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from pipeline.client import RetryPolicy, TrackClient
from pipeline.limiter.local import LocalLimiter
from pipeline.operation import Operation
from tests.programs.track_client import client_of, run

PATIENT = RetryPolicy(attempts=None, total_seconds=30.0, base_seconds=0.0)
PERSON = "ada-in-person"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def says(status: int, body: Any = b"{}\n", headers: Mapping[str, str] | None = None) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=content, headers=headers)

    return answer


async def breaks_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.close()
    return response


class OddServer:
    """Gives the answers it is told to, one after the other, and then 200 to everything."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.paths: list[str] = []
        # As they stood on the wire, percent-encoded.
        self.raw_paths: list[str] = []
        self.bodies: list[Any] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.path)
        self.raw_paths.append(request.raw_path)
        body = await request.read()
        self.bodies.append(json.loads(body) if body else None)
        answer = self.answers.pop(0) if self.answers else says(200)
        return await answer(request)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        app = web.Application(client_max_size=10**7)
        app.router.add_route("*", "/{path:.*}", self.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield
        finally:
            await runner.cleanup()


def with_server(
    server: OddServer, use: Callable[[TrackClient, LocalLimiter], Awaitable[None]], **options: Any
) -> None:
    async def main() -> None:
        async with (
            server.serving(),
            client_of(server.url, **{"retry": PATIENT, **options}) as (client, limiter),
        ):
            await use(client, limiter)

    run(main())


def identify(person: str = PERSON, **attributes: Any) -> Operation:
    return Operation("identify", person, attributes)


def batch(*persons: str) -> list[Operation]:
    return [identify(person) for person in persons]
