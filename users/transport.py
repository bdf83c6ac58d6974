"""How scenarios send their requests.

A scenario hands a ``Call`` to its ``Transport`` and gets the failure, if there is one. Another HTTP client is
another ``Transport``; no scenario changes for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests
from locust.clients import HttpSession, ResponseContextManager

from config.customerio.answers import judge
from config.customerio.paths import CallKind, call_kind
from users.outcome import Failure, FailureKind, failure_kind

_DETAIL_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Call:
    """One request: ``name`` groups it in statistics, ``body`` is sent as JSON.

    ``context`` goes with the request into Locust's ``request`` event, where metrics are recorded.
    """

    method: str
    path: str
    name: str
    body: Mapping[str, Any]
    context: dict[str, Any] = field(default_factory=dict)


class Transport(Protocol):
    """Sends a call and fires Locust's ``request`` event for it, with ``failure`` set in the context."""

    def send(self, call: Call) -> Failure | None:
        """Send a call; return what went wrong, or ``None`` if everything in it was accepted."""

    def close(self) -> None:
        """Close the connection, if there is one."""


class RequestsTransport:
    """Sends over a VU's own ``requests`` session, which keeps its connection alive.

    Args:
        session: Locust's session of the VU.
        authorization: the value of the Authorization header.
        timeout_seconds: for connecting, and again for each wait for a part of the answer.
    """

    def __init__(self, session: HttpSession, authorization: str, timeout_seconds: float) -> None:
        self._session = session
        self._headers = {"Authorization": authorization, "Content-Type": "application/json"}
        self._timeout_seconds = timeout_seconds

    def send(self, call: Call) -> Failure | None:
        """Send a call; return what went wrong, or ``None`` if everything in it was accepted."""
        started = time.perf_counter()
        try:
            return self._send(call)
        except Exception as error:  # noqa: BLE001 - whatever the client raises, the request has failed
            milliseconds = (time.perf_counter() - started) * 1000
            return self._report_exception(call, error, milliseconds)

    def close(self) -> None:
        self._session.close()

    def _report_exception(self, call: Call, error: Exception, milliseconds: float) -> Failure:
        """Fire the event that Locust's session would have fired, had it not raised."""
        failure = Failure(FailureKind.EXCEPTION, f"{type(error).__name__}: {error}"[:_DETAIL_CHARACTERS])
        self._session.request_event.fire(
            request_type=call.method,
            name=call.name,
            response_time=milliseconds,
            response_length=0,
            response=None,
            context={**call.context, "failure": failure},
            exception=error,
        )
        return failure

    def _send(self, call: Call) -> Failure | None:
        with self._session.request(
            call.method,
            call.path,
            name=call.name,
            catch_response=True,
            context=call.context,
            data=json.dumps(call.body, separators=(",", ":")).encode(),
            headers=self._headers,
            timeout=self._timeout_seconds,
            # A redirect is an answer to look at (a wrong region), not one to follow under load.
            allow_redirects=False,
        ) as response:
            failure = _failure_of(response, call)
            response.request_meta["context"]["failure"] = failure
            if failure is None:
                response.success()
            else:
                response.failure(failure.kind.value)
        return failure


def _failure_of(response: ResponseContextManager, call: Call) -> Failure | None:
    if response.error is not None:
        return _failure_of_exception(response.error)
    sent = call_kind(call.path)
    items = len(call.body["batch"]) if sent is CallKind.BATCH else 1
    kind = failure_kind(judge(response.status_code, response.content or b"", sent, items))
    return None if kind is None else Failure(kind, _describe(response))


def _failure_of_exception(error: Exception) -> Failure:
    # requests wraps urllib3's exceptions, which wrap the socket's: the innermost says what happened.
    # A timeout in the middle of a body is wrapped in a connection error.
    chain = [error]
    while isinstance(chain[-1].__context__, Exception):
        chain.append(chain[-1].__context__)
    is_timeout = any(isinstance(link, requests.exceptions.Timeout | TimeoutError) for link in chain)
    cause = chain[-1]
    kind = FailureKind.TIMEOUT if is_timeout else FailureKind.CONNECTION
    return Failure(kind, f"{type(cause).__name__}: {cause}"[:_DETAIL_CHARACTERS])


def _describe(response: ResponseContextManager) -> str:
    lines = [f"HTTP {response.status_code}"]
    for header in ("Location", "Retry-After"):
        if header in response.headers:
            lines.append(f"{header}: {response.headers[header]}")
    body = (response.content or b"")[:_DETAIL_CHARACTERS].decode("utf-8", "replace").strip()
    lines.append(f"body: {body!r}")
    return ", ".join(lines)
