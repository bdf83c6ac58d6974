"""Reading deliveries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from standin.app_api.common import call, found, page, person_of, query_of
from standin.deliveries import Delivery
from standin.endpoint import Answer, Request
from standin.responses import NOT_FOUND

_METRICS = ("created", "attempted", "sent", "delivered")


def deliveries_page(request: Request, keep: Callable[[Delivery], bool]) -> Answer:
    """Return a page of the deliveries to keep, latest first, under ``messages``."""
    kept = [delivery for delivery in request.workspace.deliveries.latest() if keep(delivery)]
    return page(request, "messages", kept, Delivery.as_json)


def _all(request: Request) -> Answer:
    """Filter by type, by the transactional message, and by metric: all that is kept was sent."""
    query = query_of(request)
    kind, template, metric = query.get("type"), query.get("transactional_id"), query.get("metric")
    return deliveries_page(
        request,
        lambda delivery: (
            (not kind or delivery.type == kind)
            and (not template or delivery.transactional_message_id == template)
            and (not metric or metric in _METRICS)
        ),
    )


def _of_person(request: Request) -> Answer:
    person = person_of(request)
    if person is None:
        return Answer(NOT_FOUND)
    return deliveries_page(request, lambda delivery: delivery.cio_id == person.cio_id)


def _one(request: Request) -> Answer:
    delivery = request.workspace.deliveries.find(request.parameters[0])
    return found(None if delivery is None else {"message": delivery.as_json()})


def _archived(request: Request) -> Answer:
    """Return what the send asked for, if its retention was not disabled."""
    delivery = request.workspace.deliveries.find(request.parameters[0])
    if delivery is None or delivery.body is None:
        return Answer(NOT_FOUND)
    return found({"archived_message": {**asdict(delivery), "body": delivery.body}})


ENDPOINTS = (
    call("get_messages", "GET", "/messages", _all, (200,)),
    call("get_message", "GET", "/messages/{message_id}", _one),
    call("get_archived_message", "GET", "/messages/{message_id}/archived_message", _archived),
    call("get_customer_messages", "GET", "/customers/{customer_id}/messages", _of_person),
)
