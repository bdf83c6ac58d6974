"""Which endpoint a request is for.

Customer.io serves its three APIs from three hosts. Their paths differ, so that one port can serve all: Track
begins with ``/api``, the App API and the Pipelines API with ``/v1``, where no first segment is in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from standin.app_api import ENDPOINTS as APP_ENDPOINTS
from standin.endpoint import Endpoint
from standin.pipelines_api import ENDPOINTS as PIPELINES_ENDPOINTS
from standin.responses import NOT_FOUND, ErrorForm, Invalid, Response, bad_request, method_not_allowed
from standin.track_endpoints import ENDPOINTS as TRACK_ENDPOINTS

UNKNOWN = "unknown"

# In this order: who sends most often is found first.
ENDPOINTS = (*TRACK_ENDPOINTS, *PIPELINES_ENDPOINTS, *APP_ENDPOINTS)


@dataclass(frozen=True)
class Route:
    """An endpoint and the decoded parameters of the path, in the path's order."""

    endpoint: Endpoint
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class NoRoute:
    """The response to a request that no endpoint takes."""

    response: Response


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
