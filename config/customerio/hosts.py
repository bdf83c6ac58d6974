"""Customer.io's hosts, and the one decision whether a connection to a URL may be opened."""

from __future__ import annotations

import ipaddress
import json
import unicodedata
from collections.abc import Collection
from enum import StrEnum
from typing import Literal, cast
from urllib.parse import unquote, urlsplit

from config.errors import ConfigError

Region = Literal["us", "eu"]


class Api(StrEnum):
    """Who is called: one of Customer.io's APIs, or the receiver that Customer.io itself calls."""

    TRACK = "track"
    APP = "app"
    PIPELINES = "pipelines"
    WEBHOOK = "webhook"


#: Where the Track API of each region answers.
TRACK_HOSTS: dict[Region, str] = {
    "us": "https://track.customer.io",
    "eu": "https://track-eu.customer.io",
}
#: Likewise the other APIs. A webhook goes to the user's own host.
API_HOSTS: dict[Api, dict[Region, str]] = {
    Api.TRACK: TRACK_HOSTS,
    Api.APP: {"us": "https://api.customer.io", "eu": "https://api-eu.customer.io"},
    Api.PIPELINES: {"us": "https://cdp.customer.io", "eu": "https://cdp-eu.customer.io"},
}
_LIVE_DOMAIN = "customer.io"
# Letters by their category, and dropped before a look-up all the same.
_FILLERS = (
    "\N{HANGUL CHOSEONG FILLER}\N{HANGUL JUNGSEONG FILLER}\N{HANGUL FILLER}\N{HALFWIDTH HANGUL FILLER}"
    "\N{MONGOLIAN TODO SOFT HYPHEN}"
)


def region_of(url: str) -> Region | None:
    """Return the region of which an API answers at ``url``, or ``None`` for any other host."""
    host = _host(url)
    for of_api in API_HOSTS.values():
        for region, api_url in of_api.items():
            if _host(api_url) == host:
                return region
    return None


def beside(base_url: str, api: Api) -> str:
    """Return where an API answers if another of the same workspace answers at ``base_url``.

    Customer.io serves each API from a host of its own. Any other host (a stand-in) serves all of them.
    """
    region = region_of(base_url)
    return base_url if region is None else API_HOSTS[api][region]


def region_in_answer(body: bytes) -> Region | None:
    """Return the region that an answer of ``GET /accounts/region`` names, or ``None`` if it names none.

    Customer.io answers ``{"url", "region", "environment_id"}`` on the host of either region.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    named, url = content.get("region"), content.get("url")
    if isinstance(named, str) and named.lower() in TRACK_HOSTS:
        return cast(Region, named.lower())
    try:
        return region_of(url) if isinstance(url, str) else None
    except ValueError:
        return None


def check_region(body: bytes, base_url: str, region: Region) -> None:
    """Check that an answer of ``GET /accounts/region`` names no other region than the one in use.

    Args:
        body: of the answer.
        base_url: where it came from; the host of a region decides which one is in use.
        region: the setting, which decides for any other host.

    Raises:
        ConfigError: the account is in the other region.
    """
    answered, used = region_in_answer(body), region_of(base_url) or region
    if answered is None or answered == used:
        return
    raise ConfigError(
        f"CUSTOMERIO_REGION: the account is in the region {answered.upper()}, not {used.upper()}; "
        f"set CUSTOMERIO_REGION={answered}, and no CUSTOMERIO_BASE_URL of the other region"
    )


def is_live(url: str) -> bool:
    """Return whether the host is customer.io or under it.

    The name decides, not the address that it resolves to.
    """
    host = _host(url)
    return host == _LIVE_DOMAIN or host.endswith("." + _LIVE_DOMAIN)


def is_named(url: str, hosts: Collection[str]) -> bool:
    """Return whether ``hosts`` has the host of a URL, as ``host`` or as ``host:port``."""
    return not {_host(url), _host_and_port(url)}.isdisjoint(hosts)


def is_loopback(url: str) -> bool:
    """Return whether the host is this machine by its name or address."""
    host = _host(url)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_connection(url: str, *, allow_live: bool, instead: str = "another host") -> None:
    """Return if a connection to ``url`` may be opened. A live host needs ``allow_live``, and https always.

    Args:
        url: any absolute URL; no more than its scheme and host are repeated in an error.
        allow_live: whether connections to customer.io and the hosts under it are wanted.
        instead: what to do about a refused live host, for the error.

    Raises:
        ConfigError: the connection is refused, or ``url`` names no host that every client reads alike.
    """
    if not _is_unambiguous(url):
        raise ConfigError("a URL without a host, or with characters that clients read differently: refused")
    if not is_live(url):
        return
    place = f"{urlsplit(url).scheme}://{_host_and_port(url)}"
    if not allow_live:
        raise ConfigError(f"{place}: refused, it is a live workspace; expected {instead}")
    if urlsplit(url).scheme != "https":
        raise ConfigError(f"{place}: expected https for a live workspace; http would show the credentials")


def _is_unambiguous(url: str) -> bool:
    """Clients disagree on where a host ends if a backslash, a blank or a control character is in the way."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    if ":" not in host and not _is_name(unquote(host)):
        # Some clients undo escapes before they look where the host ends, some after that.
        return False
    return bool(host) and url.isprintable() and not set(url) & {" ", "\\"}


def _is_name(host: str) -> bool:
    return host.isprintable() and not set(host) & set("/?#@:%\\ ")


def _host_and_port(url: str) -> str:
    parts = urlsplit(url)
    host = _host(url)
    return host if parts.port is None else f"{host}:{parts.port}"


def _is_ignored(letter: str) -> bool:
    """Return whether resolvers drop a letter: variation selectors, soft hyphens, fillers."""
    return letter in _FILLERS or unicodedata.category(letter)[0] in "CM"


def _host(url: str) -> str:
    """Return the host as a resolver sees it: clients decode escapes and map wide letters and dots before."""
    host = unicodedata.normalize("NFKC", unquote(urlsplit(url).hostname or "")).casefold()
    visible = "".join(letter for letter in host if not _is_ignored(letter))
    return visible.replace("\N{IDEOGRAPHIC FULL STOP}", ".").rstrip(".")
