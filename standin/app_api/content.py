"""What a workspace's editors make: newsletters, campaigns, assets, collections, snippets, designs, webhooks.

A load test does not need these. They are here so that no method of an official client meets a 404 that
Customer.io would not give. Each is a document at its path: what was written can be read, and does nothing.
"""

from __future__ import annotations

from typing import Any

from standin.app_api.common import call, found, page
from standin.documents import Document, Path, TooManyDocuments
from standin.endpoint import Answer, Change, Endpoint, Request
from standin.json_body import parse_object
from standin.responses import NO_CONTENT, NOT_FOUND, Invalid
from standin.workspace import Workspace


def _path(request: Request) -> Path:
    """Return the path of a request without ``/v1``, decoded."""
    parameters = iter(request.parameters)
    return tuple(
        next(parameters) if segment.startswith("{") else segment for segment in request.endpoint.segments[1:]
    )


def _keep(path: Path, document: Document) -> Change:
    def apply(workspace: Workspace) -> None:
        try:
            workspace.documents.put(path, document)
        except TooManyDocuments:
            # As with a drop: the answer has left, and memory stays bounded.
            workspace.stats.count_drop()

    return apply


def listing(name: str, path: str, wrapper: str) -> Endpoint:
    """Return the endpoint that lists the documents directly below its path."""

    def handle(request: Request) -> Answer:
        documents = list(request.workspace.documents.within(_path(request)))
        return page(request, wrapper, documents, lambda document: document)

    return call(name, "GET", path, handle, (200,))


def read(name: str, path: str, wrapper: str) -> Endpoint:
    """Return the endpoint that reads the document at its path."""

    def handle(request: Request) -> Answer:
        document = request.workspace.documents.find(_path(request))
        return found(None if document is None else {wrapper: document})

    return call(name, "GET", path, handle)


def create(name: str, path: str, wrapper: str, key: str = "id") -> Endpoint:
    """Return the endpoint that makes a document below its path.

    Its last segment is a new id, or what the body has under ``key``.
    """

    def handle(request: Request) -> Answer:
        body = _form(request) if _is_form(request) else parse_object(request.body)
        if key == "id":
            body = {**body, "id": request.workspace.documents.new_id()}
        elif not isinstance(body.get(key), str) or not body[key]:
            raise Invalid("expected a non-empty string", key, "required")
        answer = found({wrapper: body})
        return answer._replace(change=_keep((*_path(request), str(body[key])), body))

    return call(name, "POST", path, handle, (200,))


def _is_form(request: Request) -> bool:
    return any(
        name == b"content-type" and value.lower().startswith(b"multipart/form-data")
        for name, value in request.scope["headers"]
    )


def _form(request: Request) -> Document:
    """Return what is kept of an uploaded file: its size. Its content is not."""
    return {"size_bytes": len(request.body)}


def update(name: str, path: str, wrapper: str) -> Endpoint:
    """Return the endpoint that changes the document at its path, and answers 404 without one."""
    return _change(name, path, wrapper, must_exist=True)


def upsert(name: str, path: str, wrapper: str) -> Endpoint:
    """Return the endpoint that changes the document at its path, or makes it."""
    return _change(name, path, wrapper, must_exist=False)


def _change(name: str, path: str, wrapper: str, *, must_exist: bool) -> Endpoint:
    def handle(request: Request) -> Answer:
        place = _path(request)
        known = request.workspace.documents.find(place)
        if known is None and must_exist:
            return Answer(NOT_FOUND)
        document = {"id": place[-1], **(known or {}), **parse_object(request.body)}
        return found({wrapper: document})._replace(change=_keep(place, document))

    return call(name, "PUT", path, handle, (200, 404) if must_exist else (200,))


def delete(name: str, path: str) -> Endpoint:
    """Return the endpoint that deletes the document at its path and all below it."""

    def handle(request: Request) -> Answer:
        place = _path(request)
        if request.workspace.documents.find(place) is None:
            return Answer(NOT_FOUND)
        return Answer(NO_CONTENT, lambda workspace: workspace.documents.delete(place))

    return call(name, "DELETE", path, handle, (204, 404))


def fixed(name: str, method: str, path: str, content: dict[str, Any]) -> Endpoint:
    """Return an endpoint that always answers the same, because the stand-in has nothing to tell."""

    def handle(request: Request) -> Answer:
        if method == "POST":
            parse_object(request.body)
        return found(content)

    return call(name, method, path, handle, (200,))
