"""Which operation of the Track API a method and a path stand for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote_to_bytes

from standin.replies import NOT_FOUND, ErrorForm, Invalid, Reply, bad_request, method_not_allowed

_V1 = "/api/v1"
_V2 = "/api/v2"

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Operation:
    """One operation: its name in the statistics, where it lives, and how it answers."""

    name: str
    method: str
    path: str
    error_form: ErrorForm = ErrorForm.META_ERRORS
    needs_credentials: bool = True

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.split("/")[1:])


OPERATIONS = (
    Operation("identify", "PUT", f"{_V1}/customers/{{identifier}}"),
    Operation("delete", "DELETE", f"{_V1}/customers/{{identifier}}"),
    Operation("track", "POST", f"{_V1}/customers/{{identifier}}/events"),
    Operation("add_device", "PUT", f"{_V1}/customers/{{identifier}}/devices"),
    Operation("delete_device", "DELETE", f"{_V1}/customers/{{identifier}}/devices/{{device_id}}"),
    Operation("suppress", "POST", f"{_V1}/customers/{{identifier}}/suppress"),
    Operation("unsuppress", "POST", f"{_V1}/customers/{{identifier}}/unsuppress"),
    Operation("track_anonymous", "POST", f"{_V1}/events"),
    Operation("merge", "POST", f"{_V1}/merge_customers", ErrorForm.META_ERROR),
    Operation("add_to_segment", "POST", f"{_V1}/segments/{{segment_id}}/add_customers"),
    Operation("remove_from_segment", "POST", f"{_V1}/segments/{{segment_id}}/remove_customers"),
    Operation("submit_form", "POST", f"{_V1}/forms/{{form_id}}/submit"),
    Operation("metrics", "POST", f"{_V1}/metrics", needs_credentials=False),
    Operation("push_metrics", "POST", f"{_V1}/push/events", needs_credentials=False),
    Operation("region", "GET", f"{_V1}/accounts/region"),
    Operation("unsubscribe", "POST", "/unsubscribe/{delivery_id}", ErrorForm.META_ERROR, False),
    Operation("entity", "POST", f"{_V2}/entity", ErrorForm.ERRORS),
    Operation("batch", "POST", f"{_V2}/batch", ErrorForm.ERRORS),
)


@dataclass(frozen=True)
class Route:
    """An operation together with the values of its path's parameters, in the path's order."""

    operation: Operation
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class NoRoute:
    """No operation: the answer that says so."""

    reply: Reply


def match(method: str, raw_path: bytes) -> Route | NoRoute:
    """The operation of a request.

    The path is split first and decoded after, so ``a%2Fb`` is one identifier with a slash in it.
    """
    try:
        segments = [decode_segment(segment) for segment in raw_path.split(b"/")[1:]]
    except Invalid as error:
        return NoRoute(bad_request(ErrorForm.META_ERRORS, error.problem))
    if method == "HEAD":
        method = "GET"
    others: list[str] = []
    for pattern, by_method in _patterns().get(len(segments), ()):
        parameters = _parameters(pattern, segments)
        if parameters is None:
            continue
        operation = by_method.get(method)
        if operation is not None:
            return Route(operation, parameters)
        others.extend(by_method)
    return NoRoute(method_not_allowed(sorted(others)) if others else NOT_FOUND)


def decode_segment(segment: bytes) -> str:
    """Undoes percent-encoding in one segment of a path.

    Raises:
        Invalid: what comes out is not UTF-8.
    """
    try:
        return (unquote_to_bytes(segment) if b"%" in segment else segment).decode()
    except UnicodeDecodeError:
        raise Invalid("not UTF-8 after percent-decoding", "path") from None


_Pattern = tuple[tuple[str | None, ...], dict[str, Operation]]


@cache
def _patterns() -> dict[int, tuple[_Pattern, ...]]:
    """The paths by their number of segments; ``None`` in a pattern takes any non-empty segment."""
    by_pattern: dict[tuple[str | None, ...], dict[str, Operation]] = {}
    for operation in OPERATIONS:
        pattern = tuple(None if part.startswith("{") else part for part in operation.segments)
        by_pattern.setdefault(pattern, {})[operation.method] = operation
    by_length: dict[int, tuple[_Pattern, ...]] = {}
    for pattern, by_method in by_pattern.items():
        by_length[len(pattern)] = (*by_length.get(len(pattern), ()), (pattern, by_method))
    return by_length


def _parameters(pattern: tuple[str | None, ...], segments: list[str]) -> tuple[str, ...] | None:
    taken = []
    for expected, segment in zip(pattern, segments, strict=True):
        if expected is None:
            if not segment:
                return None
            taken.append(segment)
        elif expected != segment:
            return None
    return tuple(taken)
