"""Which client a VU sends with."""

from __future__ import annotations

from enum import StrEnum

from locust import HttpUser

from users.http.client import FastClient, Site
from users.http.transport import FastTransport
from users.transport import RequestsTransport, Transport


class HttpClient(StrEnum):
    """``--http-client``: our own fast one, or ``requests`` through Locust's session as the reference."""

    FAST = "fast"
    REQUESTS = "requests"


def new_transport(
    kind: HttpClient,
    user: HttpUser,
    base_url: str,
    authorization: str,
    ca_file: str | None,
    timeout_seconds: float,
) -> Transport:
    """Return the transport of one VU.

    Args:
        kind: which client.
        user: the VU.
        base_url: ``http(s)://host[:port]``.
        authorization: the value of the Authorization header.
        ca_file: PEM certificates to trust; ``None`` for those of the certifi package.
        timeout_seconds: for the whole of a request with the fast client; for connecting, and again for
            each wait on the answer, with ``requests``.

    Raises:
        ValueError: not a base URL.
        OSError: the CA file cannot be read.
    """
    if kind is HttpClient.REQUESTS:
        if ca_file is not None:
            user.client.verify = ca_file
        return RequestsTransport(user.client, authorization, timeout_seconds)
    site = Site.of(base_url, authorization, ca_file)
    return FastTransport(user, FastClient(site.endpoint, timeout_seconds), site)
