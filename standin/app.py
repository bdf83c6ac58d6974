"""The ASGI application: how a request is received, decided, applied and answered."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import math
import time
from dataclasses import dataclass
from functools import lru_cache
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
from standin.control import Control, Workspace
from standin.faults import InjectedFault
from standin.responses import (
    INTERNAL_ERROR,
    TOO_LARGE,
    UNAUTHORIZED,
    Invalid,
    Response,
    bad_request,
    too_many_requests,
)
from standin.routes import UNKNOWN, Answer, NoRoute, Request, Route, match
from standin.stats import DISCONNECTED, RESET, Stats
from standin.track_v1 import HANDLERS as V1_HANDLERS
from standin.track_v2 import HANDLERS as V2_HANDLERS

# The key under which the server puts its connection into the extensions of an ASGI scope.
CONNECTION = "standin.connection"

# Not a limit of Customer.io's. It bounds memory, and is far above the largest request that the API accepts.
MAX_BODY_BYTES = 4 * 1024 * 1024

# How many values of the Authorization header are remembered as accepted or refused.
_REMEMBERED_AUTHORIZATIONS = 256

_HANDLERS = V1_HANDLERS | V2_HANDLERS


class Connection(Protocol):
    """What the application needs of a client's connection beyond ASGI."""

    @property
    def gone(self) -> bool:
        """Whether the connection is closed or closing."""

    def reset(self) -> None:
        """Close the connection with a TCP RST."""


@dataclass(frozen=True)
class RequiredCredentials:
    """The site id and API key that requests must carry; without them, any two non-empty values do."""

    site_id: str | None = None
    api_key: str | None = None

    def accept(self, authorization: bytes) -> bool:
        """Whether the value of an ``Authorization`` header (HTTP Basic) is accepted."""
        scheme, _, encoded = authorization.partition(b" ")
        if scheme.lower() != b"basic":
            return False
        try:
            pair = base64.b64decode(encoded.strip(), validate=True)
        except binascii.Error:
            return False
        site_id, _, api_key = pair.partition(b":")
        if self.site_id is None or self.api_key is None:
            return bool(site_id and api_key)
        return hmac.compare_digest(pair, f"{self.site_id}:{self.api_key}".encode())


class StandIn:
    """The stand-in as an ASGI 3 application."""

    def __init__(self, control: Control, credentials: RequiredCredentials) -> None:
        self._control = control
        # A load test sends the same header with every request. Decoding it once saves 1 of 20 us per request.
        self._accept = lru_cache(_REMEMBERED_AUTHORIZATIONS)(credentials.accept)
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
        connection: Connection | None = scope.get("extensions", {}).get(CONNECTION)
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
        if endpoint.needs_credentials and not self._accept(header(scope, b"authorization")):
            return UNAUTHORIZED, None
        wait_seconds = self._control.admit()
        if wait_seconds > 0.0:
            retry_after = math.ceil(wait_seconds) if self._control.faults.retry_after else None
            return too_many_requests(retry_after), None
        fault = self._control.draw_fault()
        if fault is InjectedFault.ERROR or fault is InjectedFault.RESET:
            return INTERNAL_ERROR, fault
        request = Request(endpoint, route.parameters, body, scope["query_string"], scope)
        try:
            answer = _HANDLERS[endpoint.name](request)
        except Invalid as error:
            return bad_request(endpoint.error_form, error.problem), fault
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


def _apply(answer: Answer, fault: InjectedFault | None, workspace: Workspace) -> None:
    if answer.items is not None:
        workspace.stats.count_items(answer.items.accepted, answer.items.refused)
    if fault is InjectedFault.DROP:
        workspace.stats.count_drop()
    elif answer.change is not None:
        answer.change(workspace.people)
