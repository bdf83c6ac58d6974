"""What goes back to the client: status, body and headers, in Customer.io's forms."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from standin.asgi import Send

HeaderList = Sequence[tuple[bytes, bytes]]


class Reply:
    """A complete answer, its headers made once."""

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
        """Hands the answer to the server."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def json_reply(status: int, content: Any, headers: HeaderList = ()) -> Reply:
    """A JSON answer, with the newline that Customer.io puts at its end."""
    return Reply(status, json.dumps(content).encode() + b"\n", headers)


@dataclass(frozen=True)
class Problem:
    """Why a request, or one item of a batch, is refused."""

    message: str
    field: str = "body"
    reason: str = "invalid"

    def as_json(self) -> dict[str, Any]:
        return {"reason": self.reason, "field": self.field, "message": self.message}


class Invalid(Exception):  # noqa: N818 - reads as what it says: the request is invalid
    """Raised by validation; becomes a 400 in the form of the operation."""

    def __init__(self, message: str, field: str = "body", reason: str = "invalid") -> None:
        super().__init__(message)
        self.problem = Problem(message, field, reason)


class ErrorForm(enum.Enum):
    """The three bodies of a 400 in Customer.io's published description."""

    META_ERROR = "meta.error"
    META_ERRORS = "meta.errors"
    ERRORS = "errors"


def bad_request(form: ErrorForm, problem: Problem) -> Reply:
    """A 400 in one of the three forms."""
    text = f"{problem.field}: {problem.message}"
    match form:
        case ErrorForm.META_ERROR:
            return json_reply(400, {"meta": {"error": text}})
        case ErrorForm.META_ERRORS:
            return json_reply(400, {"meta": {"errors": [text]}})
        case ErrorForm.ERRORS:
            return json_reply(400, {"errors": [problem.as_json()]})


def meta_error(status: int, text: str, headers: HeaderList = ()) -> Reply:
    """An error outside the operations: no route, no rights, too many requests, server error."""
    return json_reply(status, {"meta": {"error": text}}, headers)


OK = Reply(200, b"{}\n")
NO_CONTENT = Reply(204)
UNAUTHORIZED = meta_error(401, "Unauthorized request")
NOT_FOUND = meta_error(404, "Not found")
# The rest of an oversized body is not read, so the connection can't be used again.
TOO_LARGE = meta_error(413, "Request body too large", [(b"connection", b"close")])
INTERNAL_ERROR = meta_error(500, "Internal server error")


def method_not_allowed(allowed: Sequence[str]) -> Reply:
    """A 405 that names the methods there are."""
    return meta_error(405, "Method not allowed", [(b"allow", ", ".join(allowed).encode())])


def too_many_requests(retry_after_seconds: int | None) -> Reply:
    """A 429, with ``Retry-After`` only if seconds are given."""
    headers = [] if retry_after_seconds is None else [(b"retry-after", b"%d" % retry_after_seconds)]
    return meta_error(429, "Too many requests", headers)
