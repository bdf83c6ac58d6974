"""How scenarios send their requests.

A scenario hands a ``Call`` to its ``Transport`` and gets the failure, if there is one. Another HTTP client is
another ``Transport``; no scenario changes for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol

import gevent
import requests
from locust.clients import HttpSession, ResponseContextManager
from locust.exception import CatchResponseError

from config.customerio.answers import judge
from config.customerio.paths import CallKind, call_kind
from config.guarded_session import body_flaw, follow_no_redirect, guard_session
from users.answer_text import AnswerText
from users.outcome import Failure, FailureKind, failure_kind
from users.trace_context import new_traceparent


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Args:
        method: such as ``POST``.
        path: below the target's base URL.
        name: groups the request in statistics.
        body: sent as JSON.
        context: goes into Locust's ``request`` event, where metrics are recorded.
        headers: in addition to the usual ones.
        is_webhook: whether a receiver answers, and not Customer.io: any 2xx of it is a success.
    """

    method: str
    path: str
    name: str
    body: Mapping[str, Any]
    context: dict[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    is_webhook: bool = False

    def failure_kind(self, status: int, body: bytes) -> FailureKind | None:
        """Return the kind of failure that an answer is, or ``None`` if it accepts everything."""
        if self.is_webhook and 200 <= status < 300:
            return None
        sent = call_kind(self.path)
        items = len(self.body["batch"]) if sent is CallKind.BATCH else 1
        return failure_kind(judge(status, body, sent, items))


def json_content(body: Mapping[str, Any]) -> bytes:
    """Return a body as it is sent: compact JSON in ASCII."""
    return json.dumps(body, separators=(",", ":")).encode("ascii")


class Transport(Protocol):
    """Sends a call and fires Locust's ``request`` event for it, with ``failure`` set in the context."""

    def send(self, call: Call) -> Failure | None:
        """Send a call; return what went wrong, or ``None`` if everything in it was accepted."""

    def close(self) -> None:
        """Close the connection, if there is one."""


class RequestsTransport:
    """Sends over a ``requests`` session, which keeps its connection alive.

    Args:
        session: a session of Locust's, for this transport alone.
        authorization: the value of the Authorization header; empty for none.
        timeout_seconds: for the whole of a request: connecting, sending, and all of the answer.
        allow_live: whether the target may be a host under customer.io.
        is_traced: whether each request has a ``traceparent`` of its own.
    """

    def __init__(
        self,
        session: HttpSession,
        authorization: str,
        timeout_seconds: float,
        *,
        allow_live: bool = False,
        is_traced: bool = False,
    ) -> None:
        # As the other client does: no proxy, no .netrc, no cookies of the server's.
        session.trust_env = False
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        guard_session(session, allow_live=allow_live, within=_within)
        follow_no_redirect(session)
        self._session = session
        self._text = AnswerText.of(authorization)
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if authorization:
            self._headers["Authorization"] = authorization
        self._timeout_seconds = timeout_seconds
        self._is_traced = is_traced

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

    def _trace_headers(self) -> dict[str, str]:
        return {"traceparent": new_traceparent()} if self._is_traced else {}

    def _report_exception(self, call: Call, error: Exception, milliseconds: float) -> Failure:
        """Fire the event that Locust's session would have fired, had it not raised."""
        failure = Failure(FailureKind.EXCEPTION, self._text.error(error))
        self._session.request_event.fire(
            request_type=call.method,
            name=call.name,
            response_time=milliseconds,
            response_length=0,
            response=None,
            context={**call.context, "failure": failure},
            exception=CatchResponseError(failure.detail),
        )
        return failure

    def _send(self, call: Call) -> Failure | None:
        with self._session.request(
            call.method,
            call.path,
            name=call.name,
            catch_response=True,
            context=call.context,
            data=json_content(call.body),
            headers={**self._headers, **call.headers, **self._trace_headers()},
            timeout=self._timeout_seconds,
            # A redirect is an answer to look at (a wrong region), not one to follow under load.
            allow_redirects=False,
        ) as response:
            failure = self._failure_of(response, call)
            response.request_meta["context"]["failure"] = failure
            if failure is None:
                response.success()
            else:
                response.failure(failure.kind.value)
        return failure

    def _failure_of(self, response: ResponseContextManager, call: Call) -> Failure | None:
        if response.error is not None:
            return self._failure_of_error(response.error)
        flaw = body_flaw(response)
        if flaw is not None and 200 <= response.status_code < 300:
            return Failure(FailureKind.BAD_BODY, f"HTTP {response.status_code}, {flaw}")
        body = response.content or b""
        kind = call.failure_kind(response.status_code, body)
        if kind is None:
            return None
        return Failure(kind, self._text.answer(response.status_code, response.headers, body))

    def _failure_of_error(self, error: Exception) -> Failure:
        # requests wraps urllib3's exceptions, which wrap the socket's: the innermost says what happened.
        # A timeout in the middle of a body is wrapped in a connection error.
        chain = [error]
        while isinstance(chain[-1].__context__, Exception):
            chain.append(chain[-1].__context__)
        is_timeout = any(isinstance(link, requests.exceptions.Timeout | TimeoutError) for link in chain)
        kind = FailureKind.TIMEOUT if is_timeout else FailureKind.CONNECTION
        return Failure(kind, self._text.error(chain[-1]))


def _within(seconds: float) -> gevent.Timeout:
    # An OSError, as a socket's own timeout is: with another exception Python's TLS leaves its socket open.
    return gevent.Timeout(seconds, TimeoutError("no whole answer in time"))
