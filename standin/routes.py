"""Which endpoint of the Track API a request is for, and what a handler gets and returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from standin.people import PeopleStore
from standin.responses import NOT_FOUND, ErrorForm, Invalid, Response, bad_request, method_not_allowed

_V1 = "/api/v1"
_V2 = "/api/v2"

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: the name of its operation in the statistics, its method and path, its error form."""

    name: str
    method: str
    path: str
    error_form: ErrorForm = ErrorForm.META_ERRORS
    needs_credentials: bool = True

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.split("/")[1:])


ENDPOINTS = (
    Endpoint("identify", "PUT", f"{_V1}/customers/{{identifier}}"),
    Endpoint("delete", "DELETE", f"{_V1}/customers/{{identifier}}"),
    Endpoint("track", "POST", f"{_V1}/customers/{{identifier}}/events"),
    Endpoint("add_device", "PUT", f"{_V1}/customers/{{identifier}}/devices"),
    Endpoint("delete_device", "DELETE", f"{_V1}/customers/{{identifier}}/devices/{{device_id}}"),
    Endpoint("suppress", "POST", f"{_V1}/customers/{{identifier}}/suppress"),
    Endpoint("unsuppress", "POST", f"{_V1}/customers/{{identifier}}/unsuppress"),
    Endpoint("track_anonymous", "POST", f"{_V1}/events"),
    Endpoint("merge", "POST", f"{_V1}/merge_customers", ErrorForm.META_ERROR),
    Endpoint("add_to_segment", "POST", f"{_V1}/segments/{{segment_id}}/add_customers"),
    Endpoint("remove_from_segment", "POST", f"{_V1}/segments/{{segment_id}}/remove_customers"),
    Endpoint("submit_form", "POST", f"{_V1}/forms/{{form_id}}/submit"),
    Endpoint("metrics", "POST", f"{_V1}/metrics", needs_credentials=False),
    Endpoint("push_metrics", "POST", f"{_V1}/push/events", needs_credentials=False),
    Endpoint("region", "GET", f"{_V1}/accounts/region"),
    Endpoint("unsubscribe", "POST", "/unsubscribe/{delivery_id}", ErrorForm.META_ERROR, False),
    Endpoint("entity", "POST", f"{_V2}/entity", ErrorForm.ERRORS),
    Endpoint("batch", "POST", f"{_V2}/batch", ErrorForm.ERRORS),
)


@dataclass(frozen=True)
class Route:
    """An endpoint and the decoded parameters of the path, in the path's order."""

    endpoint: Endpoint
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class NoRoute:
    """The response to a request that no endpoint takes."""

    response: Response


class Request(NamedTuple):
    """A request as a handler gets it; ``parameters`` are the decoded parameters of its path."""

    endpoint: Endpoint
    parameters: tuple[str, ...]
    body: bytes
    query: bytes
    scope: Any


class Items(NamedTuple):
    """How many of the operations in a v2 request were accepted and refused."""

    accepted: list[str]  # the action of each
    refused: int


# The store's methods return whether they changed something; a handler does not need that.
Change = Callable[[PeopleStore], object]


class Answer(NamedTuple):
    """What a handler returns: a response, and the change to make in the store.

    The handler does not make the change itself, because a drop answers 200 and stores nothing.
    """

    response: Response
    change: Change | None = None
    items: Items | None = None


Handler = Callable[[Request], Answer]


def match(method: str, raw_path: bytes) -> Route | NoRoute:
    """Return the endpoint of a request, or the response that refuses it.

    The path is split first and decoded after that, so ``a%2Fb`` is one identifier that contains a slash.
    """
    try:
        if b"%" in raw_path:
            segments = [decode_segment(segment) for segment in raw_path.split(b"/")[1:]]
        else:
            # Nearly every path has nothing to decode, and can be split as text at once.
            segments = decode_segment(raw_path).split("/")[1:]
    except Invalid as error:
        return NoRoute(bad_request(ErrorForm.META_ERRORS, error.problem))
    if method == "HEAD":
        method = "GET"
    allowed: list[str] = []
    for shape in _shapes().get(len(segments), ()):
        by_method = shape.endpoints.get(tuple([segments[place] for place in shape.fixed]))
        parameters = tuple([segments[place] for place in shape.open])
        if by_method is None or not all(parameters):
            continue
        endpoint = by_method.get(method)
        if endpoint is not None:
            return Route(endpoint, parameters)
        allowed.extend(by_method)
    return NoRoute(method_not_allowed(sorted(allowed)) if allowed else NOT_FOUND)


def decode_segment(segment: bytes) -> str:
    """Decode the percent-encoding of one path segment.

    Raises:
        Invalid: the decoded bytes are not UTF-8.
    """
    try:
        return (unquote_to_bytes(segment) if b"%" in segment else segment).decode()
    except UnicodeDecodeError:
        raise Invalid("not UTF-8 after percent-decoding", "path") from None


class _Shape(NamedTuple):
    """Paths with parameters in the same places: the other segments are looked up at once, 2 us sooner.

    A parameter is any non-empty segment.
    """

    fixed: tuple[int, ...]
    open: tuple[int, ...]
    endpoints: dict[tuple[str, ...], dict[str, Endpoint]]  # by the fixed segments, then by method


@cache
def _shapes() -> dict[int, tuple[_Shape, ...]]:
    """Return the shapes of all paths by their number of segments."""
    shapes: dict[int, dict[tuple[int, ...], _Shape]] = {}
    for endpoint in ENDPOINTS:
        segments = endpoint.segments
        fixed = tuple(place for place, segment in enumerate(segments) if not segment.startswith("{"))
        parameters = tuple(place for place in range(len(segments)) if place not in fixed)
        of_length = shapes.setdefault(len(segments), {})
        shape = of_length.setdefault(fixed, _Shape(fixed, parameters, {}))
        of_path = shape.endpoints.setdefault(tuple(segments[place] for place in fixed), {})
        of_path[endpoint.method] = endpoint
    return {length: tuple(of_length.values()) for length, of_length in shapes.items()}
