"""Which client a VU sends with."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from locust import HttpUser
from locust.clients import HttpSession

from config.customerio.hosts import check_connection
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
    *,
    allow_live: bool = False,
    resend_post: bool = False,
    is_traced: bool = False,
    on_resent: Callable[[], object] = lambda: None,
) -> Transport:
    """Return the transport of one VU.

    Args:
        kind: which client.
        user: the VU.
        base_url: ``http(s)://host[:port]``.
        authorization: the value of the Authorization header.
        ca_file: PEM certificates to trust; ``None`` for those of the certifi package.
        timeout_seconds: for the whole of a request.
        allow_live: whether the target may be a host under customer.io.
        resend_post: whether the fast client also sends a POST once more when its kept connection turns out to
            be closed.
        is_traced: whether each request has a ``traceparent`` of its own; one that is sent once more has the
            same.
        on_resent: called when the fast client sends a request once more; ``requests`` never does.

    Raises:
        ValueError: not a base URL.
        ConfigError: connections to it are refused.
        OSError: the CA file cannot be read.
    """
    if kind is HttpClient.REQUESTS:
        check_connection(base_url, allow_live=allow_live)
        session = HttpSession(base_url, user.environment.events.request, user)
        if ca_file is not None:
            session.verify = ca_file
        return RequestsTransport(
            session, authorization, timeout_seconds, allow_live=allow_live, is_traced=is_traced
        )
    site = Site.of(base_url, authorization, ca_file, allow_live=allow_live, is_traced=is_traced)
    client = FastClient(site.server, timeout_seconds, resend_all=resend_post, on_resent=on_resent)
    return FastTransport(user, client, site)
