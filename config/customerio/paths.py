"""The paths of the Track API that requests are sent to."""

from __future__ import annotations

from urllib.parse import quote

from config.customerio.identifiers import flaw_of_identifier

REGION_PATH = "/api/v1/accounts/region"
ENTITY_PATH = "/api/v2/entity"
BATCH_PATH = "/api/v2/batch"


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
