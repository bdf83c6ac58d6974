"""The paths of Customer.io's APIs that requests are sent to."""

from __future__ import annotations

from enum import Enum
from urllib.parse import quote

from config.customerio.identifiers import flaw_of_identifier

REGION_PATH = "/api/v1/accounts/region"
ANONYMOUS_EVENTS_PATH = "/api/v1/events"
ENTITY_PATH = "/api/v2/entity"
BATCH_PATH = "/api/v2/batch"
PIPELINES_PATH = "/v1/"
"""Before the name of each call of the Pipelines API."""

PIPELINES_BATCH_PATH = "/v1/batch"


class CallKind(Enum):
    """What a request carries: one operation, of Track v1 or v2, or many in a batch."""

    V1 = "v1"
    ENTITY = "entity"
    BATCH = "batch"


def call_kind(path: str) -> CallKind:
    """Return the kind of call that a path is for."""
    if path in (BATCH_PATH, PIPELINES_BATCH_PATH):
        return CallKind.BATCH
    return CallKind.ENTITY if path == ENTITY_PATH else CallKind.V1


def customer_path(identifier: str) -> str:
    """Return the path of a person in Track v1: to identify and delete them.

    Everything but unreserved characters is percent-encoded, as the official clients do.

    Raises:
        ValueError: the identifier cannot be sent; see ``flaw_of_identifier``.
    """
    flaw = flaw_of_identifier(identifier)
    if flaw is not None:
        raise ValueError(f"identifier: {flaw}")
    return "/api/v1/customers/" + quote(identifier, safe="")


def events_path(identifier: str) -> str:
    """Return the path of a person's events in Track v1; raises as ``customer_path``."""
    return customer_path(identifier) + "/events"


def devices_path(identifier: str) -> str:
    """Return the path of a person's devices in Track v1; raises as ``customer_path``."""
    return customer_path(identifier) + "/devices"
