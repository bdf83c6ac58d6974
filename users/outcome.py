"""How a request ended, told apart by cause."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from config.customerio.answers import Judgement, Meaning


class FailureKind(StrEnum):
    """Why a request failed; the value is its tag in metrics and its name in the summary."""

    TIMEOUT = "timeout"
    CONNECTION = "connection error"
    REDIRECT = "3xx redirect"
    UNAUTHORIZED = "401 unauthorized"
    RATE_LIMITED = "429 rate limited"
    CLIENT_ERROR = "4xx client error"
    SERVER_ERROR = "5xx server error"
    #: A 2xx whose body refuses what was sent, or a part of it.
    REFUSED_BY_2XX = "2xx with errors"
    #: A 2xx that Customer.io never answers with, such as 203 and 204.
    UNEXPECTED_2XX = "unexpected 2xx"
    #: A 200 with a body that Customer.io did not write.
    BAD_BODY = "bad body"
    #: The queue said that it does not have a message.
    NOT_QUEUED = "not queued"
    EXCEPTION = "exception"


@dataclass(frozen=True)
class Failure:
    """A failed request: its kind, and what a person needs to see of it (no secrets, no credentials)."""

    kind: FailureKind
    detail: str


def failure_kind(judgement: Judgement) -> FailureKind | None:
    """Return the kind of failure that an answer is, or ``None`` if it accepts everything."""
    match judgement.meaning:
        case Meaning.ACCEPTED:
            return None
        case Meaning.PARTLY_REFUSED | Meaning.DOUBTFUL:
            return FailureKind.REFUSED_BY_2XX
        case Meaning.FOREIGN:
            return FailureKind.BAD_BODY if judgement.status == 200 else FailureKind.UNEXPECTED_2XX
    return _failure_kind_of_status(judgement.status)


def _failure_kind_of_status(status: int) -> FailureKind:
    if status == 401:
        return FailureKind.UNAUTHORIZED
    if status == 429:
        return FailureKind.RATE_LIMITED
    if status >= 500:
        return FailureKind.SERVER_ERROR
    return FailureKind.CLIENT_ERROR if status >= 400 else FailureKind.REDIRECT
