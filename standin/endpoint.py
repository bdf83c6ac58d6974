"""What an endpoint is, and what its handler gets and returns."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from standin.responses import ErrorForm, Response
from standin.workspace import Workspace


class Auth(enum.StrEnum):
    """The credentials that an endpoint asks for. They tell the three APIs apart.

    Strings, because a member of a plain enumeration is hashed in Python, with each request.
    """

    NONE = "none"
    SITE = "site"  # Track: HTTP Basic, site id and API key
    APP_KEY = "app_key"  # App API: a bearer token
    WRITE_KEY = "write_key"  # Pipelines API: HTTP Basic, the write key and no password


class Quota(enum.Enum):
    """The published limit of the App API that a request counts against, besides the ``--rate-limit``."""

    NONE = "none"
    APP = "app"
    TRANSACTIONAL = "transactional"
    BROADCAST = "broadcast"


class Request(NamedTuple):
    """A request as a handler gets it; ``parameters`` are the decoded parameters of its path."""

    endpoint: Endpoint
    parameters: tuple[str, ...]
    body: bytes
    query: bytes
    scope: Any
    workspace: Workspace


class Items(NamedTuple):
    """How many of the operations in a batch, or in a v2 request, were accepted and refused."""

    accepted: list[str]  # the action of each
    refused: int


# What the stores' methods return says whether they changed something; a handler does not need that.
Change = Callable[[Workspace], object]


class Answer(NamedTuple):
    """What a handler returns: a response, and the change to make in the workspace.

    The handler does not make the change itself, because a drop answers 200 and stores nothing.
    """

    response: Response
    change: Change | None = None
    items: Items | None = None


Handler = Callable[[Request], Answer]


@dataclass(frozen=True)
class Endpoint:
    """One endpoint. The routing and the description are both made from these fields.

    ``name`` is that of its operation in the statistics. ``statuses`` are those of a request that meets no
    fault, besides 400 and those that the description adds to every endpoint.
    """

    name: str
    method: str
    path: str
    handler: Handler
    error_form: ErrorForm = ErrorForm.META_ERRORS
    auth: Auth = Auth.SITE
    statuses: tuple[int, ...] = (200,)
    quota: Quota = Quota.NONE

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.split("/")[1:])
