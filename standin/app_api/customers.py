"""Reading people: who they are, what they have, what they did."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from standin.app_api.common import call, found, identifiers_of, page, person_of, query_of
from standin.endpoint import Answer, Request
from standin.filters import check_filter, matches
from standin.json_body import parse_object
from standin.person import PREFERENCES, Person, identifier
from standin.responses import NOT_FOUND, Invalid, json_response

_MOST_IDS = 100


def _by_email(request: Request) -> Answer:
    email = query_of(request).get("email")
    if not email:
        raise Invalid("expected an address", "email", "required")
    person = request.workspace.people.find(identifier("email", email))
    return found({"results": [] if person is None else [identifiers_of(person)]})


def _search(request: Request) -> Answer:
    condition = check_filter(parse_object(request.body).get("filter"), "filter")
    people = [person for person in request.workspace.people if matches(condition, person)]
    return page(request, "identifiers", people, identifiers_of)


def _by_ids(request: Request) -> Answer:
    ids = parse_object(request.body).get("ids")
    if not isinstance(ids, list) or not 1 <= len(ids) <= _MOST_IDS:
        raise Invalid(f"expected 1 to {_MOST_IDS} ids", "ids")
    if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in ids):
        raise Invalid("expected a list of strings", "ids")
    people = (request.workspace.people.find(identifier("id", str(value))) for value in ids)
    return found({"customers": [_shown(person) for person in people if person is not None]})


def _attributes(request: Request) -> Answer:
    person = person_of(request)
    return found(None if person is None else {"customer": _shown(person)})


def _shown(person: Person) -> dict[str, Any]:
    """Return a person as the App API shows them: all attributes are strings."""
    attributes = {name: _as_text(value) for name, value in person.attributes.items()}
    named = {kind: value for kind, value in identifiers_of(person).items() if value is not None}
    return {
        "id": person.id,
        "identifiers": identifiers_of(person),
        "attributes": {**attributes, **named},
        "timestamps": {},
        "unsubscribed": person.attributes.get("unsubscribed") is True,
        "devices": [
            {"id": device, "platform": platform} for device, platform in (person.devices or {}).items()
        ],
    }


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _activities(request: Request) -> Answer:
    """Return an activity for each event name of a person, as only counts are kept."""
    person = person_of(request)
    return Answer(NOT_FOUND) if person is None else _activities_page(request, [person])


def _all_activities(request: Request) -> Answer:
    return _activities_page(request, request.workspace.people)


def _activities_page(request: Request, people: Iterable[Person]) -> Answer:
    name = query_of(request).get("name")
    events = [(person, event) for person in people for event in person.events or ()]
    return page(request, "activities", [pair for pair in events if not name or pair[1] == name], _activity)


def _activity(event: tuple[Person, str]) -> dict[str, Any]:
    person, name = event
    count = (person.events or {})[name]
    return {
        "type": "event",
        "name": name,
        "customer_id": person.id,
        "customer_identifiers": identifiers_of(person),
        "data": {"count": count},
    }


def _relationships(request: Request) -> Answer:
    person = person_of(request)
    if person is None:
        return Answer(NOT_FOUND)
    related = list(request.workspace.objects.of_person(person))
    return page(
        request,
        "cio_relationships",
        related,
        lambda pair: {"identifiers": pair[0].identifiers(), "relationship_attributes": pair[1]},
    )


def _segments(request: Request) -> Answer:
    person = person_of(request)
    if person is None:
        return Answer(NOT_FOUND)
    return found({"segments": [{"id": segment_id} for segment_id in sorted(person.segments or ())]})


def _preferences(request: Request) -> Answer:
    person = person_of(request)
    if person is None:
        return Answer(NOT_FOUND)
    preferences = person.attributes.get(PREFERENCES)
    topics = preferences.get("topics") if isinstance(preferences, dict) else None
    chosen = topics if isinstance(topics, dict) else {}
    return found(
        {
            "customer": {
                "id": person.id,
                "identifiers": identifiers_of(person),
                "unsubscribed": person.attributes.get("unsubscribed") is True,
                "topics": [{"identifier": topic, "subscribed": on} for topic, on in chosen.items()],
            }
        }
    )


def _center_token(request: Request) -> Answer:
    person = person_of(request)
    return Answer(NOT_FOUND if person is None else json_response(200, {"token": f"token-{person.cio_id}"}))


_PERSON = "/customers/{customer_id}"

ENDPOINTS = (
    call("get_customers_by_email", "GET", "/customers", _by_email, (200,)),
    call("search_customers", "POST", "/customers", _search, (200,)),
    call("get_customers_attributes", "POST", "/customers/attributes", _by_ids, (200,)),
    call("get_attributes", "GET", f"{_PERSON}/attributes", _attributes),
    call("get_customer_activities", "GET", f"{_PERSON}/activities", _activities),
    call("get_customer_relationships", "GET", f"{_PERSON}/relationships", _relationships),
    call("get_customer_segments", "GET", f"{_PERSON}/segments", _segments),
    call("get_customer_subscription_preferences", "GET", f"{_PERSON}/subscription_preferences", _preferences),
    call("get_subscription_center_token", "GET", "/subscription_center/{customer_id}/token", _center_token),
    call("list_activities", "GET", "/activities", _all_activities, (200,)),
)
