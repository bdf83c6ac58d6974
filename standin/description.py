"""The stand-in's own OpenAPI 3 description, made from the table that routes its requests.

Bodies are described in ``schemas``. A test sends what the description allows and checks every answer.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from standin.endpoint import Auth, Endpoint, Quota
from standin.responses import ErrorForm
from standin.routes import ENDPOINTS
from standin.schemas import BODIES
from standin.schemas.parts import ANY_OBJECT, Schema
from standin.schemas.queries import QUERIES

_TEXT: Schema = {"type": "string"}
_META_ERROR: Schema = {
    "type": "object",
    "properties": {"meta": {"type": "object", "properties": {"error": _TEXT}, "required": ["error"]}},
    "required": ["meta"],
}
_META_ERRORS: Schema = {
    "type": "object",
    "properties": {
        "meta": {
            "type": "object",
            "properties": {"errors": {"type": "array", "items": _TEXT}},
            "required": ["errors"],
        }
    },
    "required": ["meta"],
}
_PROBLEM: Schema = {
    "type": "object",
    "properties": {
        "batch_index": {"type": "integer", "minimum": 0},
        "reason": _TEXT,
        "field": _TEXT,
        "message": _TEXT,
    },
    "required": ["reason", "field", "message"],
}
_ERRORS: Schema = {
    "type": "object",
    "properties": {"errors": {"type": "array", "items": _PROBLEM}},
    "required": ["errors"],
}
_FORMS = {
    ErrorForm.META_ERROR: "MetaError",
    ErrorForm.META_ERRORS: "MetaErrors",
    ErrorForm.ERRORS: "Errors",
}
_SCHEMES = {Auth.SITE: "siteIdAndApiKey", Auth.APP_KEY: "appKey", Auth.WRITE_KEY: "writeKey"}
_STATUSES = {
    200: "accepted",
    204: "done",
    207: "some items were refused",
    400: "refused",
    401: "wrong credentials",
    404: "not found",
    413: "more than 4 MiB",
    429: "above a limit",
    500: "an injected fault",
}


@cache
def description() -> dict[str, Any]:
    """Return the description. It has an operation for each endpoint, and no other."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stand-in for Customer.io", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": {"MetaError": _META_ERROR, "MetaErrors": _META_ERRORS, "Errors": _ERRORS},
            "securitySchemes": {
                "siteIdAndApiKey": {"type": "http", "scheme": "basic"},
                "appKey": {"type": "http", "scheme": "bearer"},
                "writeKey": {"type": "http", "scheme": "basic"},
            },
        },
    }


def statuses_of(endpoint: Endpoint) -> list[int]:
    """Return all statuses that an endpoint can answer with."""
    statuses = {*endpoint.statuses, 400, 413, 429, 500}
    if endpoint.auth is not Auth.NONE:
        statuses.add(401)
    return sorted(statuses)


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "tags": [_tag(endpoint)],
        "parameters": [*_path_parameters(endpoint), *QUERIES.get(endpoint.name, ())],
        "responses": {str(status): _response(endpoint, status) for status in statuses_of(endpoint)},
        "security": [] if endpoint.auth is Auth.NONE else [{_SCHEMES[endpoint.auth]: []}],
    }
    if endpoint.method in ("POST", "PUT"):
        body = BODIES.get(endpoint.name, ANY_OBJECT)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _tag(endpoint: Endpoint) -> str:
    if endpoint.auth is Auth.WRITE_KEY:
        return "pipelines"
    return "track" if endpoint.quota is Quota.NONE else "app"


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    names = [segment[1:-1] for segment in endpoint.segments if segment.startswith("{")]
    schema = {"type": "string", "minLength": 1}
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name in names]


def _response(endpoint: Endpoint, status: int) -> dict[str, Any]:
    response: dict[str, Any] = {"description": _STATUSES[status]}
    if status != 204:
        response["content"] = {"application/json": {"schema": _content(endpoint, status)}}
    return response


def _content(endpoint: Endpoint, status: int) -> Schema:
    match status:
        case 200:
            # An object, except for the rows of a collection.
            return {"type": "array"} if endpoint.name == "get_collection_content" else {"type": "object"}
        case 207:
            return {"$ref": "#/components/schemas/Errors"}
        case 400:
            # A path that is not UTF-8 names no endpoint, whose form of errors could be followed.
            form = f"#/components/schemas/{_FORMS[endpoint.error_form]}"
            return {"anyOf": [{"$ref": form}, {"$ref": "#/components/schemas/MetaErrors"}]}
    return {"$ref": "#/components/schemas/MetaError"}
