"""What came of a request, told apart by cause."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """Why a request failed; the value is its tag in metrics and its name in the summary."""

    TIMEOUT = "timeout"
    CONNECTION = "connection error"
    REDIRECT = "3xx redirect"
    UNAUTHORIZED = "401 unauthorized"
    RATE_LIMITED = "429 rate limited"
    CLIENT_ERROR = "4xx client error"
    SERVER_ERROR = "5xx server error"
    BAD_BODY = "bad body"
    EXCEPTION = "exception"


@dataclass(frozen=True)
class Failure:
    """A failed request: its kind, and what a person needs to see of it (no secrets, no credentials)."""

    kind: FailureKind
    detail: str


def failure_of_status(status: int) -> FailureKind | None:
    """The kind of failure that an HTTP status is by itself; ``None`` for 2xx."""
    if 200 <= status < 300:
        return None
    if status == 401:
        return FailureKind.UNAUTHORIZED
    if status == 429:
        return FailureKind.RATE_LIMITED
    if status >= 500:
        return FailureKind.SERVER_ERROR
    return FailureKind.CLIENT_ERROR if status >= 400 else FailureKind.REDIRECT
