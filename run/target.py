"""Where the load goes, and the gate before a live workspace."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from config.errors import ConfigError
from config.settings import TRACK_HOSTS, Credentials, Settings, parse_base_url

_LIVE_DOMAIN = "customer.io"
# What signs in to a stand-in, which takes any pair unless told otherwise.
_STANDIN_CREDENTIALS = Credentials("load-test-site", "load-test-key")


@dataclass(frozen=True)
class Target:
    """A base URL and what signs in there; ``None`` for a stand-in that the run starts itself."""

    base_url: str | None
    credentials: Credentials = field(repr=False)
    ca_file: str | None = None


def choose_target(settings: Settings, host_argument: str | None, *, allow_live: bool) -> Target:
    """The target of a run: ``--host``, the base URL or the region's host, in this order.

    With none of them and no credentials it is a stand-in of our own. Nothing is connected to.

    Raises:
        ConfigError: a live host without ``allow_live``, over plain http, or without credentials.
    """
    if host_argument:
        base_url = parse_base_url(host_argument, "--host")
    elif settings.base_url:
        base_url = settings.base_url
    elif settings.credentials:
        base_url = TRACK_HOSTS[settings.region]
    else:
        return Target(None, _STANDIN_CREDENTIALS)
    if is_live(base_url):
        _check_live(base_url, settings, allow_live=allow_live)
    if settings.credentials is None and not _is_loopback(base_url):
        raise ConfigError(
            f"{base_url}: no credentials; expected CUSTOMERIO_SITE_ID and CUSTOMERIO_API_KEY, "
            "or CUSTOMERIO_AUTH"
        )
    return Target(base_url, settings.credentials or _STANDIN_CREDENTIALS, settings.ca_file)


def is_live(base_url: str) -> bool:
    """Whether the host is customer.io or under it."""
    host = _hostname(base_url).rstrip(".")
    return host == _LIVE_DOMAIN or host.endswith("." + _LIVE_DOMAIN)


def _check_live(base_url: str, settings: Settings, *, allow_live: bool) -> None:
    if not allow_live:
        raise ConfigError(
            f"{base_url}: refused, it is a live workspace; expected --allow-live for load on it, "
            "or no credentials for the local stand-in"
        )
    if not base_url.startswith("https://"):
        raise ConfigError(f"{base_url}: expected https for a live workspace; http would show the credentials")
    if settings.credentials is None:
        raise ConfigError(f"{base_url}: no credentials; expected CUSTOMERIO_SITE_ID and CUSTOMERIO_API_KEY")


def _is_loopback(base_url: str) -> bool:
    host = _hostname(base_url)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _hostname(base_url: str) -> str:
    return (urlsplit(base_url).hostname or "").lower()
