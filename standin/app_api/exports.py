"""Exports and imports. An export is done at once; a file to import is never fetched."""

from __future__ import annotations

from typing import Any

from standin.app_api.common import call, found
from standin.asgi import header
from standin.deliveries import unix_seconds
from standin.endpoint import Answer, Request
from standin.filters import check_filter, matches
from standin.json_body import parse_object
from standin.responses import Invalid
from standin.validation import check_one_of, check_text

_IMPORT_TYPES = frozenset({"people", "event", "object", "relationship"})


def _customers(request: Request) -> Answer:
    filters = check_filter(parse_object(request.body).get("filters"), "filters")
    total = sum(1 for person in request.workspace.people if matches(filters, person))
    return _created(request, "customers", total)


def _deliveries(request: Request) -> Answer:
    """The stand-in sends no newsletters, so that an export of one's deliveries is empty."""
    newsletter_id = parse_object(request.body).get("newsletter_id")
    if isinstance(newsletter_id, bool) or not isinstance(newsletter_id, int | str):
        raise Invalid("expected the id of a newsletter", "newsletter_id", "required")
    return _created(request, "deliveries", 0)


def _created(request: Request, kind: str, total: int) -> Answer:
    export: dict[str, Any] = {
        "id": request.workspace.documents.new_id(),
        "type": kind,
        "status": "done",
        "failed": False,
        "total": total,
        "downloads": 0,
        "created_at": unix_seconds(),
        "updated_at": unix_seconds(),
    }
    path = ("exports", str(export["id"]))
    return found({"export": export})._replace(change=lambda workspace: workspace.documents.put(path, export))


def _list(request: Request) -> Answer:
    return found({"exports": list(request.workspace.documents.within(("exports",)))})


def _read(request: Request) -> Answer:
    export = request.workspace.documents.find(("exports", request.parameters[0]))
    return found(None if export is None else {"export": export})


def _download(request: Request) -> Answer:
    """Return a URL of this stand-in, so that a client that follows it does not reach a real host."""
    export = request.workspace.documents.find(("exports", request.parameters[0]))
    host = header(request.scope, b"host").decode("latin-1")
    url = f"{request.scope['scheme']}://{host}/_standin/people?limit=1000"
    return found(None if export is None else {"url": url})


def _import(request: Request) -> Answer:
    wanted = parse_object(request.body).get("import")
    if not isinstance(wanted, dict):
        raise Invalid("expected an object", "import", "required")
    check_text(wanted, "data_file_url", "import.")
    kind = check_one_of(wanted, "type", _IMPORT_TYPES, "import.")
    made = {
        "id": request.workspace.documents.new_id(),
        "type": kind,
        "name": wanted.get("name"),
        "state": "imported",
        "rows_to_import": 0,
        "rows_imported": 0,
        "created_at": unix_seconds(),
    }
    path = ("imports", str(made["id"]))
    return found({"import": made})._replace(change=lambda workspace: workspace.documents.put(path, made))


def _read_import(request: Request) -> Answer:
    made = request.workspace.documents.find(("imports", request.parameters[0]))
    return found(None if made is None else {"import": made})


ENDPOINTS = (
    call("list_exports", "GET", "/exports", _list, (200,)),
    call("create_customers_export", "POST", "/exports/customers", _customers, (200,)),
    call("create_deliveries_export", "POST", "/exports/deliveries", _deliveries, (200,)),
    call("get_export", "GET", "/exports/{export_id}", _read),
    call("download_export", "GET", "/exports/{export_id}/download", _download),
    call("create_import", "POST", "/imports", _import, (200,)),
    call("get_import", "GET", "/imports/{import_id}", _read_import),
)
