"""Two ways through the fast client: any call, and requests that a kind of user has prepared."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import requests
from locust import User
from locust.exception import CatchResponseError

from config.customerio import answers
from config.customerio.paths import CallKind
from metrics.iteration_log import IterationLog
from shapes.clock import Arrival
from users.answer_text import AnswerText
from users.http.client import Exchange, FastClient, Judge, Site
from users.http.prepared import WriteRequest, request_bytes
from users.locust_side import LocustSide
from users.outcome import Failure, failure_kind
from users.transport import Call

# RFC 9110, section 9.2.2.
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})


class FastTransport:
    """A ``Transport`` over a VU's fast client.

    Args:
        user: the VU; Locust's ``request`` event is that of its environment.
        client: the VU's own.
        site: where the client's requests go.
    """

    def __init__(self, user: User, client: FastClient, site: Site) -> None:
        self.user = user
        self.client = client
        self.site = site

    def send(self, call: Call) -> Failure | None:
        started = time.time()
        request = request_bytes(self.site, call.method, call.path, call.body, call.headers)

        def judge(status: int, headers: Mapping[str, str], body: bytes) -> Failure | None:
            kind = call.failure_kind(status, body)
            return None if kind is None else Failure(kind, self.site.text.answer(status, headers, body))

        exchange = self.client.send(request, judge, is_idempotent=call.method in _IDEMPOTENT)
        url = f"{self.site.base_url}{call.path}"
        fire_request_event(self.user, call.method, call.name, url, call.context, exchange, started)
        return exchange.failure

    def close(self) -> None:
        self.client.close()


class PreparedSender:
    """Sends the request of an arrival, written beforehand, and records it.

    Answers are judged as those of the Track API v1.

    Args:
        transport: the VU's, which lends its client.
        write: gives an arrival's request.
        method: of all these requests.
        context: what the ``request`` event says of all of them.
        log: where requests are recorded while nobody needs the event.
        locust: tells whether somebody does.
    """

    def __init__(
        self,
        transport: FastTransport,
        write: WriteRequest,
        method: str,
        context: Mapping[str, Any],
        log: IterationLog,
        locust: LocustSide,
    ) -> None:
        self._user = transport.user
        self._client = transport.client
        self._judge = judge_of(CallKind.V1, 1, transport.site.text)
        self._write = write
        self._method = method
        self._is_idempotent = method in _IDEMPOTENT
        self._context = context
        self._log = log
        self._locust = locust

    def send(self, arrival: Arrival) -> Failure | None:
        """Send an arrival's request; return what went wrong, or ``None``."""
        request = self._write(arrival.number)
        exchange = self._client.send(request, self._judge, is_idempotent=self._is_idempotent)
        late_ms = (exchange.started - arrival.instant) * 1000
        failure = exchange.failure
        if self._locust.is_event_wanted:
            self._fire(request, late_ms, exchange)
            self._log.check(is_passed=failure is None)
        else:
            error = "" if failure is None else failure.kind.value
            self._log.answer(
                exchange.status, exchange.version, error, exchange.duration_ms, late_ms, len(exchange.body)
            )
        return failure

    def _fire(self, request: bytes, late_ms: float, exchange: Exchange) -> None:
        path = request.split(b" ", 2)[1].decode("ascii")
        name = self._context["kind"]
        started = time.time() - exchange.duration_ms / 1000
        context = {**self._context, "late_ms": late_ms}
        url = f"{self._user.host}{path}"
        fire_request_event(self._user, self._method, name, url, context, exchange, started)


def fire_request_event(
    user: User,
    method: str,
    name: str,
    url: str,
    context: Mapping[str, Any],
    exchange: Exchange,
    started: float,
) -> None:
    """Fire what Locust's own session fires for a request; ``started`` is in Unix seconds."""
    failure = exchange.failure
    user.environment.events.request.fire(
        request_type=method,
        name=name,
        response_time=exchange.duration_ms,
        response_length=len(exchange.body),
        response=_response(url, exchange),
        context={**user.context(), **context, "failure": failure},
        exception=None if failure is None else CatchResponseError(failure.kind.value),
        start_time=started,
        url=url,
    )


def _response(url: str, exchange: Exchange) -> requests.Response:
    """Return the answer as listeners of Locust's event know it."""
    response = requests.Response()
    response.url = url
    response.status_code = exchange.status
    response.headers.update(exchange.headers)
    response._content = exchange.body
    major, _, minor = exchange.version.partition(".")
    response.raw = SimpleNamespace(version=int(major + minor or 0))
    return response


def judge_of(sent: CallKind, items: int, text: AnswerText) -> Judge:
    """Return the judge of the answers to requests of this kind with so many items."""

    def judge(status: int, headers: Mapping[str, str], body: bytes) -> Failure | None:
        kind = failure_kind(answers.judge(status, body, sent, items))
        return None if kind is None else Failure(kind, text.answer(status, headers, body))

    return judge
