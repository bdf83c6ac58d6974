"""What the stand-in sends back: status, headers and body, in Customer.io's forms."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from standin.asgi import Send

HeaderList = Sequence[tuple[bytes, bytes]]


class Response:
    """A complete response. The headers are built once, because constant responses are sent many times."""

    __slots__ = ("body", "headers", "status", "status_name")

    def __init__(self, status: int, body: bytes = b"", headers: HeaderList = ()) -> None:
        self.status = status
        self.status_name = str(status)
        self.body = body
        # A 204 has neither content nor a content length (RFC 9110, 8.6).
        about_body = (
            []
            if status == 204
            else [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        )
        self.headers = [*about_body, *headers]

    async def send(self, send: Send) -> None:
        """Hand the response to the server."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def json_response(status: int, content: Any, headers: HeaderList = ()) -> Response:
    """Return a JSON response that ends with a newline, as Customer.io's do."""
    return Response(status, json.dumps(content).encode() + b"\n", headers)


@dataclass(frozen=True)
class Problem:
    """Why a request, or one item of a batch, is refused."""

    message: str
    field: str = "body"
    reason: str = "invalid"

    def as_json(self) -> dict[str, Any]:
        return {"reason": self.reason, "field": self.field, "message": self.message}


class Invalid(Exception):  # noqa: N818 - the name says what is true: the request is invalid
    """A request breaks a rule of the API. The client gets a 400 in the endpoint's error form."""

    def __init__(self, message: str, field: str = "body", reason: str = "invalid") -> None:
        super().__init__(message)
        self.problem = Problem(message, field, reason)


class ErrorForm(enum.Enum):
    """The three bodies of a 400 in Customer.io's published description."""

    META_ERROR = "meta.error"
    META_ERRORS = "meta.errors"
    ERRORS = "errors"


def bad_request(form: ErrorForm, problem: Problem) -> Response:
    """Return a 400 in one of the three forms."""
    text = f"{problem.field}: {problem.message}"
    match form:
        case ErrorForm.META_ERROR:
            return json_response(400, {"meta": {"error": text}})
        case ErrorForm.META_ERRORS:
            return json_response(400, {"meta": {"errors": [text]}})
        case ErrorForm.ERRORS:
            return json_response(400, {"errors": [problem.as_json()]})


def meta_error(status: int, text: str, headers: HeaderList = ()) -> Response:
    """Return an error that is not about the content of a request, such as 401, 404, 429 or 500."""
    return json_response(status, {"meta": {"error": text}}, headers)


OK = Response(200, b"{}\n")
NO_CONTENT = Response(204)
UNAUTHORIZED = meta_error(401, "Unauthorized request")
NOT_FOUND = meta_error(404, "Not found")
# The rest of an oversized body stays unread, so the connection cannot be used again.
TOO_LARGE = meta_error(413, "Request body too large", [(b"connection", b"close")])
INTERNAL_ERROR = meta_error(500, "Internal server error")


def method_not_allowed(allowed: Sequence[str]) -> Response:
    """Return a 405 whose ``Allow`` header lists the methods of the path."""
    return meta_error(405, "Method not allowed", [(b"allow", ", ".join(allowed).encode())])


def too_many_requests(retry_after_seconds: int | None) -> Response:
    """Return a 429. It has ``Retry-After`` unless ``retry_after_seconds`` is ``None``."""
    headers = [] if retry_after_seconds is None else [(b"retry-after", b"%d" % retry_after_seconds)]
    return meta_error(429, "Too many requests", headers)
