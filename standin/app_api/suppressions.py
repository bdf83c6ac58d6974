"""Addresses that the e-mail provider suppresses, by the reason."""

from __future__ import annotations

from standin.app_api.common import call, found, page, query_of
from standin.deliveries import unix_seconds
from standin.documents import Document
from standin.endpoint import Answer, Request
from standin.responses import NOT_FOUND, Invalid

_REASONS = ("blocks", "bounces", "spam_reports", "invalid_emails")
_FOLDER = "suppression"


def _folder(reason: str) -> tuple[str, str]:
    if reason not in _REASONS:
        raise Invalid(f"expected one of {', '.join(_REASONS)}", "suppression_type")
    return _FOLDER, reason


def _add(request: Request) -> Answer:
    folder, email = _folder(request.parameters[0]), request.parameters[1].lower()
    if "@" not in email:
        raise Invalid("expected an e-mail address", "email")
    suppression = {"email": email, "reason": request.parameters[0], "created": unix_seconds()}
    path = (*folder, email)
    return found({})._replace(change=lambda workspace: workspace.documents.put(path, suppression))


def _remove(request: Request) -> Answer:
    path = (*_folder(request.parameters[0]), request.parameters[1].lower())
    if request.workspace.documents.find(path) is None:
        return Answer(NOT_FOUND)
    return found({})._replace(change=lambda workspace: workspace.documents.delete(path))


def _search(request: Request) -> Answer:
    email = request.parameters[0].lower()
    documents = request.workspace.documents
    reasons = [reason for reason in _REASONS if documents.find((_FOLDER, reason, email)) is not None]
    return found({"category": reasons[0] if reasons else "", "suppressions": reasons})


def _list(request: Request) -> Answer:
    return _page(request, _folder(request.parameters[0]), "")


def _list_of_domain(request: Request) -> Answer:
    domain, reason = request.parameters
    return _page(request, _folder(reason), f"@{domain.lower()}")


def _page(request: Request, folder: tuple[str, str], ending: str) -> Answer:
    email = query_of(request).get("email", "").lower()
    kept: list[Document] = [
        suppression
        for suppression in request.workspace.documents.within(folder)
        if suppression["email"].endswith(ending) and email in ("", suppression["email"])
    ]
    return page(request, "suppressions", kept, lambda suppression: suppression)


ENDPOINTS = (
    call("search_suppression", "GET", "/esp/search_suppression/{email}", _search, (200,)),
    call("get_suppressions", "GET", "/esp/suppression/{suppression_type}", _list, (200,)),
    call(
        "get_domain_suppressions",
        "GET",
        "/esp/domains/{domain_name}/suppression/{suppression_type}",
        _list_of_domain,
        (200,),
    ),
    call("create_suppression", "POST", "/esp/suppression/{suppression_type}/{email}", _add, (200,)),
    call("delete_suppression", "DELETE", "/esp/suppression/{suppression_type}/{email}", _remove),
)
