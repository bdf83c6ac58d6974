"""The ASGI application: a request's way from its arrival to its answer."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Protocol

from standin.admin import ADMIN_PREFIX, Admin
from standin.asgi import (
    BodyTooLarge,
    ClientGone,
    Receive,
    Scope,
    Send,
    header,
    read_body,
    wait_for_disconnect,
)
from standin.auth import Credentials
from standin.control import Control
from standin.faults import Fault
from standin.operations import Answer, Request
from standin.replies import (
    INTERNAL_ERROR,
    TOO_LARGE,
    UNAUTHORIZED,
    Invalid,
    Reply,
    bad_request,
    too_many_requests,
)
from standin.routes import UNKNOWN, NoRoute, Route, match
from standin.stats import DISCONNECTED, RESET, Stats
from standin.track_v1 import HANDLERS as V1_HANDLERS
from standin.track_v2 import HANDLERS as V2_HANDLERS
from standin.workspace import Workspace

# Where the server puts its connection into an ASGI scope's extensions.
CONNECTION = "standin.connection"

# No limit of Customer.io's: a bound on memory, far above the largest request that it would take.
MAX_BODY_BYTES = 4 * 1024 * 1024

_HANDLERS = V1_HANDLERS | V2_HANDLERS


class Connection(Protocol):
    """What the application wants of a client's connection beyond ASGI."""

    @property
    def gone(self) -> bool:
        """Whether the client, or the server, has closed it."""

    def reset(self) -> None:
        """Tears it down with a TCP RST."""


class StandIn:
    """The stand-in as an ASGI 3 application."""

    def __init__(self, control: Control, credentials: Credentials) -> None:
        self._control = control
        self._credentials = credentials
        self._admin = Admin(control)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            if scope["raw_path"].startswith(ADMIN_PREFIX):
                await self._admin(scope, receive, send)
            else:
                await self._track(scope, receive, send)
        except asyncio.CancelledError:
            # Only the server's stop cancels requests, after it has closed their connections.
            return

    async def _track(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = time.perf_counter()
        route = match(scope["method"], scope["raw_path"])
        # Kept for the whole request: after a reset, what was under way belongs to the old counts.
        workspace = self._control.workspace
        stats = workspace.stats
        stats.arrive(route.operation.name if isinstance(route, Route) else UNKNOWN, arrived)
        try:
            body = await read_body(receive, MAX_BODY_BYTES)
        except ClientGone:
            stats.lose(DISCONNECTED)
            return
        except BodyTooLarge:
            reply, fault = TOO_LARGE, None
        else:
            reply, fault = self._decide(route, scope, body, workspace)

        if fault is Fault.HANG and not await self._hang(stats, receive):
            return
        await self._control.delay(arrived)
        connection: Connection | None = scope.get("extensions", {}).get(CONNECTION)
        if connection is not None and connection.gone:
            stats.lose(DISCONNECTED)
        elif connection is not None and fault is Fault.RESET:
            connection.reset()
            stats.lose(RESET)
            await wait_for_disconnect(receive)
        else:
            await reply.send(send)
            stats.answer(reply.status_name, time.perf_counter() - arrived)

    def _decide(
        self, route: Route | NoRoute, scope: Scope, body: bytes, workspace: Workspace
    ) -> tuple[Reply, Fault | None]:
        """The reply to a request and the fault it meets; puts into the store what is to be stored."""
        if isinstance(route, NoRoute):
            return route.reply, None
        operation = route.operation
        if operation.needs_credentials and not self._credentials.accept(header(scope, b"authorization")):
            return UNAUTHORIZED, None
        wait = self._control.admit()
        if wait > 0.0:
            return too_many_requests(math.ceil(wait) if self._control.faults.retry_after else None), None
        fault = self._control.draw_fault()
        if fault is Fault.ERROR or fault is Fault.RESET:
            return INTERNAL_ERROR, fault
        request = Request(operation, route.parameters, body, scope["query_string"], scope)
        try:
            answer = _HANDLERS[operation.name](request)
        except Invalid as error:
            return bad_request(operation.error_form, error.problem), fault
        _apply(answer, fault, workspace)
        return answer.reply, fault

    async def _hang(self, stats: Stats, receive: Receive) -> bool:
        """Holds a request back; whether it is to be answered in the end."""
        stats.hang()
        seconds = self._control.faults.hang_seconds
        try:
            await asyncio.wait_for(wait_for_disconnect(receive), seconds)
        except TimeoutError:
            stats.resume()
            return True
        return False


def _apply(answer: Answer, fault: Fault | None, workspace: Workspace) -> None:
    if answer.items is not None:
        workspace.stats.items_taken.update(answer.items.taken)
        workspace.stats.items_refused += answer.items.refused
    if fault is Fault.DROP:
        workspace.stats.dropped += 1
    elif answer.change is not None:
        answer.change(workspace.people)
