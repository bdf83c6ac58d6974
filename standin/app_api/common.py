"""What the calls of the App API have in common: their form, their queries, and pages of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qs

from standin.endpoint import Answer, Auth, Endpoint, Handler, Quota, Request
from standin.person import Identifier, Kind, Person, identifier
from standin.responses import NOT_FOUND, ErrorForm, Invalid, json_response

_MOST_PER_PAGE = 1000
_KINDS: tuple[Kind, ...] = ("id", "email", "cio_id")
_Shown = TypeVar("_Shown")


def call(
    name: str,
    method: str,
    path: str,
    handler: Handler,
    statuses: tuple[int, ...] = (200, 404),
    quota: Quota = Quota.APP,
) -> Endpoint:
    """Return an endpoint of the App API; ``path`` is what follows ``/v1``."""
    return Endpoint(name, method, f"/v1{path}", handler, ErrorForm.META_ERROR, Auth.APP_KEY, statuses, quota)


def found(content: dict[str, Any] | None) -> Answer:
    """Return an answer with the content, or 404 if there is none."""
    return Answer(NOT_FOUND if content is None else json_response(200, content))


def query_of(request: Request) -> dict[str, str]:
    """Return the query's parameters; of a repeated one the last."""
    query = parse_qs(request.query.decode("latin-1"), keep_blank_values=True)
    return {name: values[-1] for name, values in query.items()}


def page(request: Request, name: str, entries: Sequence[_Shown], show: Callable[[_Shown], Any]) -> Answer:
    """Return a page of a list under a name. ``next`` is the ``start`` of the page that follows, or ``""``."""
    query = query_of(request)
    start = _whole_number(query, "start", 0)
    limit = min(_whole_number(query, "limit", _MOST_PER_PAGE) or _MOST_PER_PAGE, _MOST_PER_PAGE)
    end = start + limit
    shown = [show(entry) for entry in entries[start:end]]
    return Answer(json_response(200, {name: shown, "next": str(end) if end < len(entries) else ""}))


def person_of(request: Request) -> Person | None:
    """Return the person whom the first parameter of the path names, by the kind in ``id_type``."""
    kind = query_of(request).get("id_type") or "id"
    if kind not in _KINDS:
        raise Invalid(f"expected one of {', '.join(_KINDS)}", "id_type")
    return request.workspace.people.find(identifier(kind, request.parameters[0]))


def named_person(identifiers: object) -> Identifier | None:
    """Return the identifier in an object with one, or ``None``."""
    if not isinstance(identifiers, dict):
        return None
    for kind in _KINDS:
        value = identifiers.get(kind)
        if isinstance(value, int) and not isinstance(value, bool) and kind == "id":
            value = str(value) if abs(value) < 10**18 else ""
        if isinstance(value, str) and value:
            return identifier(kind, value)
    return None


def identifiers_of(person: Person) -> dict[str, str | None]:
    """Return a person's identifiers as the App API shows them."""
    return {"id": person.id, "email": person.email, "cio_id": person.cio_id}


def _whole_number(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Invalid("expected a whole number", name)
    return int(text)
