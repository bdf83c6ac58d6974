"""The endpoints of what a workspace's editors make, each a line: see ``content`` for how they behave."""

from __future__ import annotations

from typing import Any

from standin.app_api.common import call, found
from standin.app_api.content import create, delete, fixed, listing, read, update, upsert
from standin.endpoint import Answer, Endpoint, Request
from standin.json_body import parse_object
from standin.responses import NOT_FOUND, Invalid, json_response
from standin.validation import check_text


def _resource(singular: str, plural: str, path: str, wrappers: tuple[str, str]) -> tuple[Endpoint, ...]:
    """Return the five usual endpoints of a resource; ``wrappers`` are the keys of one and of a list."""
    one, many = wrappers
    item = f"{path}/{{{singular}_id}}"
    return (
        listing(f"list_{plural}", path, many),
        create(f"create_{singular}", path, one),
        read(f"get_{singular}", item, one),
        update(f"update_{singular}", item, one),
        delete(f"delete_{singular}", item),
    )


def _results(kind: str, path: str) -> tuple[Endpoint, ...]:
    """Return the endpoints that tell how a campaign, broadcast or newsletter did: nothing was ever sent."""
    return (
        fixed(f"get_{kind}_metrics", "GET", f"{path}/metrics", {"metric": {"series": {}}}),
        fixed(f"get_{kind}_metrics_links", "GET", f"{path}/metrics/links", {"links": []}),
        fixed(f"get_{kind}_messages", "GET", f"{path}/messages", {"messages": [], "next": ""}),
    )


def _actions(kind: str, path: str) -> tuple[Endpoint, ...]:
    """Return the endpoints of the actions of a campaign or broadcast. An action is made by changing it."""
    action = f"{path}/actions/{{action_id}}"
    language = f"{action}/language/{{language}}"
    metrics: dict[str, Any] = {"metric": {"series": {}}}
    return (
        listing(f"get_{kind}_actions", f"{path}/actions", "actions"),
        read(f"get_{kind}_action", action, "action"),
        upsert(f"update_{kind}_action", action, "action"),
        read(f"get_{kind}_action_language", language, "action"),
        upsert(f"update_{kind}_action_language", language, "action"),
        fixed(f"get_{kind}_action_metrics", "GET", f"{action}/metrics", metrics),
        fixed(f"get_{kind}_action_metrics_links", "GET", f"{action}/metrics/links", {"links": []}),
    )


_CAMPAIGN = "/campaigns/{campaign_id}"
_BROADCAST = "/broadcasts/{broadcast_id}"

_CAMPAIGNS = (
    listing("list_campaigns", "/campaigns", "campaigns"),
    read("get_campaign", _CAMPAIGN, "campaign"),
    *_actions("campaign", _CAMPAIGN),
    *_results("campaign", _CAMPAIGN),
    fixed("get_campaign_journey_metrics", "GET", f"{_CAMPAIGN}/journey_metrics", {"journey_metric": {}}),
    listing("list_broadcasts", "/broadcasts", "broadcasts"),
    read("get_broadcast", _BROADCAST, "broadcast"),
    *_actions("broadcast", _BROADCAST),
    *_results("broadcast", _BROADCAST),
)

_NEWSLETTER = "/newsletters/{newsletter_id}"
_CONTENT = f"{_NEWSLETTER}/contents/{{content_id}}"
_GROUP_LANGUAGES = f"{_NEWSLETTER}/test_group/{{test_group_id}}/language"


def _send(request: Request) -> Answer:
    """Note that a newsletter is to be sent or was scheduled. Nothing is sent."""
    newsletter_id = request.parameters[0]
    wanted = parse_object(request.body)
    newsletter = request.workspace.documents.find(("newsletters", newsletter_id))
    if newsletter is None:
        return Answer(NOT_FOUND)
    changed = {**newsletter, request.endpoint.segments[-1]: wanted or True}
    return found({"newsletter": changed})._replace(
        change=lambda workspace: workspace.documents.put(("newsletters", newsletter_id), changed)
    )


_NEWSLETTERS = (
    listing("list_newsletters", "/newsletters", "newsletters"),
    create("create_newsletter", "/newsletters", "newsletter"),
    read("get_newsletter", _NEWSLETTER, "newsletter"),
    delete("delete_newsletter", _NEWSLETTER),
    listing("get_newsletter_contents", f"{_NEWSLETTER}/contents", "contents"),
    read("get_newsletter_content", _CONTENT, "content"),
    upsert("update_newsletter_content", _CONTENT, "content"),
    fixed("get_newsletter_content_metrics", "GET", f"{_CONTENT}/metrics", {"metric": {"series": {}}}),
    fixed("get_newsletter_content_metrics_links", "GET", f"{_CONTENT}/metrics/links", {"links": []}),
    *_results("newsletter", _NEWSLETTER),
    call("send_newsletter", "POST", f"{_NEWSLETTER}/send", _send),
    call("schedule_newsletter", "POST", f"{_NEWSLETTER}/schedule", _send),
    create("create_newsletter_language", f"{_NEWSLETTER}/language", "content", "language"),
    read("get_newsletter_language", f"{_NEWSLETTER}/language/{{language}}", "content"),
    update("update_newsletter_language", f"{_NEWSLETTER}/language/{{language}}", "content"),
    delete("delete_newsletter_language", f"{_NEWSLETTER}/language/{{language}}"),
    listing("get_newsletter_test_groups", f"{_NEWSLETTER}/test_groups", "test_groups"),
    create("create_newsletter_test_group", f"{_NEWSLETTER}/test_groups", "test_group"),
    create("create_newsletter_test_group_language", _GROUP_LANGUAGES, "content", "language"),
    read("get_newsletter_test_group_language", f"{_GROUP_LANGUAGES}/{{language}}", "content"),
    update("update_newsletter_test_group_language", f"{_GROUP_LANGUAGES}/{{language}}", "content"),
    delete("delete_newsletter_test_group_language", f"{_GROUP_LANGUAGES}/{{language}}"),
)

_LANGUAGES = "/design_studio/emails/{design_studio_email_id}/languages"

_DESIGNS = (
    *_resource(
        "design_studio_folder", "design_studio_folders", "/design_studio/folders", ("folder", "folders")
    ),
    *_resource("design_studio_email", "design_studio_emails", "/design_studio/emails", ("email", "emails")),
    *_resource(
        "design_studio_component",
        "design_studio_components",
        "/design_studio/components",
        ("component", "components"),
    ),
    listing("list_design_studio_email_languages", _LANGUAGES, "languages"),
    create("create_design_studio_email_language", _LANGUAGES, "language", "language"),
    read("get_design_studio_email_language", f"{_LANGUAGES}/{{language}}", "language"),
    update("update_design_studio_email_language", f"{_LANGUAGES}/{{language}}", "language"),
    delete("delete_design_studio_email_language", f"{_LANGUAGES}/{{language}}"),
)


def _list_assets(request: Request) -> Answer:
    documents = request.workspace.documents
    return found(
        {
            "files": list(documents.within(("assets", "files"))),
            "folders": list(documents.within(("assets", "folders"))),
        }
    )


_FILE = "/assets/files/{asset_id}"

_ASSETS = (
    call("list_assets", "GET", "/assets", _list_assets, (200,)),
    create("create_asset", "/assets/files", "file"),
    read("get_asset", _FILE, "file"),
    update("update_asset", _FILE, "file"),
    delete("delete_asset", _FILE),
    *_resource("asset_folder", "asset_folders", "/assets/folders", ("folder", "folders")),
)


def _read_rows(request: Request) -> Answer:
    """Return the rows of a collection: a list, not an object."""
    collection = request.workspace.documents.find(("collections", request.parameters[0]))
    return Answer(NOT_FOUND if collection is None else json_response(200, collection.get("data") or []))


def _write_rows(request: Request) -> Answer:
    path = ("collections", request.parameters[0])
    collection = request.workspace.documents.find(path)
    if collection is None:
        return Answer(NOT_FOUND)
    # The body is a list, and the parser of bodies takes objects only.
    rows = parse_object(b'{"rows":' + request.body + b"}").get("rows")
    if not isinstance(rows, list):
        raise Invalid("expected a list")
    changed = {**collection, "data": rows}
    return found({"collection": changed})._replace(
        change=lambda workspace: workspace.documents.put(path, changed)
    )


_COLLECTIONS = (
    *_resource("collection", "collections", "/collections", ("collection", "collections")),
    call("get_collection_content", "GET", "/collections/{collection_id}/content", _read_rows),
    call("update_collection_content", "PUT", "/collections/{collection_id}/content", _write_rows),
)


def _write_snippet(request: Request) -> Answer:
    """Make or change a snippet. Its name is in the body, not in the path."""
    snippet = parse_object(request.body)
    name = check_text(snippet, "name")
    check_text(snippet, "value")
    return found({"snippet": snippet})._replace(
        change=lambda workspace: workspace.documents.put(("snippets", name), snippet)
    )


_SNIPPETS = (
    listing("get_snippets", "/snippets", "snippets"),
    call("create_snippet", "POST", "/snippets", _write_snippet, (200,)),
    call("update_snippet", "PUT", "/snippets", _write_snippet, (200,)),
    delete("delete_snippet", "/snippets/{name}"),
)

_SENDER = "/sender_identities/{sender_id}"
_UNUSED: dict[str, list[int]] = {"campaigns": [], "sent_newsletters": [], "draft_newsletters": []}
_WORKSPACES = {"workspaces": [{"id": 1, "name": "stand-in"}]}
_CHANNELS = {"channels": [{"id": 1, "name": "email"}, {"id": 2, "name": "push"}, {"id": 3, "name": "sms"}]}

_WORKSPACE = (
    *_resource(
        "reporting_webhook", "reporting_webhooks", "/reporting_webhooks", ("webhook", "reporting_webhooks")
    ),
    listing("get_sender_identities", "/sender_identities", "sender_identities"),
    read("get_sender_identity", _SENDER, "sender_identity"),
    fixed("get_sender_identity_used_by", "GET", f"{_SENDER}/used_by", {"used_by": _UNUSED}),
    listing("list_subscription_topics", "/subscription_topics", "topics"),
    fixed("list_subscription_channels", "GET", "/subscription_channels", _CHANNELS),
    fixed("batch_update_attributes", "POST", "/data_index/attributes", {}),
    fixed("batch_update_events", "POST", "/data_index/events", {}),
    fixed("list_workspaces", "GET", "/workspaces", _WORKSPACES),
    fixed("get_ip_addresses", "GET", "/info/ip_addresses", {"ip_addresses": ["127.0.0.1"]}),
)

ENDPOINTS = (
    *_CAMPAIGNS,
    *_NEWSLETTERS,
    *_DESIGNS,
    *_ASSETS,
    *_COLLECTIONS,
    *_SNIPPETS,
    *_WORKSPACE,
)
