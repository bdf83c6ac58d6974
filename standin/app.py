"""The ASGI application: how a request is received, decided, applied and answered."""

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
from standin.control import Control
from standin.credentials import RequiredCredentials
from standin.endpoint import Answer, Auth, Endpoint, Quota, Request
from standin.faults import InjectedFault
from standin.pipelines_api import IGNORED, is_strict
from standin.responses import (
    INTERNAL_ERROR,
    TOO_LARGE,
    UNAUTHORIZED,
    Invalid,
    Response,
    bad_request,
    too_many_requests,
)
from standin.routes import UNKNOWN, NoRoute, Route, match
from standin.stats import DISCONNECTED, RESET, Stats
from standin.workspace import Workspace

# The key under which the server puts its connection into the extensions of an ASGI scope.
CONNECTION = "standin.connection"

# Not a limit of Customer.io's. It bounds memory, and is far above the largest request that the API accepts.
MAX_BODY_BYTES = 4 * 1024 * 1024

# Found in the class, a member takes twice as long.
_NO_QUOTA = Quota.NONE


class ClientConnection(Protocol):
    """What the application needs of a client's connection beyond ASGI."""

    @property
    def gone(self) -> bool:
        """Whether the connection is closed or closing."""

    def reset(self) -> None:
        """Close the connection with a TCP RST."""


class StandIn:
    """The stand-in as an ASGI 3 application."""

    def __init__(self, control: Control, credentials: RequiredCredentials) -> None:
        self._control = control
        self._credentials = credentials.checks()
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
            # Only the server cancels requests: it stops, and has already closed their connections.
            return

    async def _track(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = time.perf_counter()
        route = match(scope["method"], scope["raw_path"])
        # One workspace for the whole request: a request that is in flight during a reset counts as before it.
        workspace = self._control.workspace
        stats = workspace.stats
        stats.arrive(route.endpoint.name if isinstance(route, Route) else UNKNOWN, arrived)
        try:
            body = await read_body(receive, MAX_BODY_BYTES)
        except ClientGone:
            stats.lose(DISCONNECTED)
            return
        except BodyTooLarge:
            response, fault = TOO_LARGE, None
        else:
            response, fault = self._process(route, scope, body, workspace)

        if fault is InjectedFault.HANG and not await self._hang(stats, receive):
            return
        await self._control.delay(arrived)
        connection: ClientConnection | None = scope.get("extensions", {}).get(CONNECTION)
        if connection is not None and connection.gone:
            stats.lose(DISCONNECTED)
        elif connection is not None and fault is InjectedFault.RESET:
            connection.reset()
            stats.lose(RESET)
            await wait_for_disconnect(receive)
        else:
            await response.send(send)
            stats.answer(response.status_name, time.perf_counter() - arrived)

    def _process(
        self, route: Route | NoRoute, scope: Scope, body: bytes, workspace: Workspace
    ) -> tuple[Response, InjectedFault | None]:
        """Apply a request to the workspace; return its response and the fault to inject, if any."""
        if isinstance(route, NoRoute):
            return route.response, None
        endpoint = route.endpoint
        if not self._credentials[endpoint.auth](header(scope, b"authorization")):
            return _refusal(UNAUTHORIZED, endpoint, scope, workspace.stats), None
        if endpoint.quota is not _NO_QUOTA:
            wait_seconds = self._control.admit_to_quota(endpoint.quota)
            if wait_seconds > 0.0:
                return too_many_requests(math.ceil(wait_seconds)), None
        wait_seconds = self._control.admit()
        if wait_seconds > 0.0:
            retry_after = math.ceil(wait_seconds) if self._control.faults.retry_after else None
            return too_many_requests(retry_after), None
        fault = self._control.draw_fault()
        if fault is InjectedFault.ERROR or fault is InjectedFault.RESET:
            return INTERNAL_ERROR, fault
        request = Request(endpoint, route.parameters, body, scope["query_string"], scope, workspace)
        try:
            answer = endpoint.handler(request)
        except Invalid as error:
            response = bad_request(endpoint.error_form, error.problem)
            return _refusal(response, endpoint, scope, workspace.stats), fault
        _apply(answer, fault, workspace)
        return answer.response, fault

    async def _hang(self, stats: Stats, receive: Receive) -> bool:
        """Hold a request back for ``hang_seconds``; return ``False`` if its client leaves before that."""
        stats.hang()
        seconds = self._control.faults.hang_seconds
        try:
            await asyncio.wait_for(wait_for_disconnect(receive), seconds)
        except TimeoutError:
            stats.resume()
            return True
        return False


def _refusal(response: Response, endpoint: Endpoint, scope: Scope, stats: Stats) -> Response:
    """Return the refusal, or 200 where the Pipelines API says nothing of what it ignores."""
    if endpoint.auth is not Auth.WRITE_KEY or is_strict(scope):
        return response
    stats.count_ignored()
    return IGNORED


def _apply(answer: Answer, fault: InjectedFault | None, workspace: Workspace) -> None:
    if answer.items is not None:
        workspace.stats.count_items(answer.items.accepted, answer.items.refused)
    if fault is InjectedFault.DROP:
        workspace.stats.count_drop()
    elif answer.change is not None:
        answer.change(workspace)
