"""Where the load goes, and the gate before a live workspace."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from config.customerio.hosts import TRACK_HOSTS, check_connection, is_live, is_loopback, is_named
from config.errors import ConfigError
from config.settings import Credentials, Settings, parse_base_url

# A stand-in accepts any pair unless it is told otherwise.
_STANDIN_CREDENTIALS = Credentials("load-test-site", "load-test-key")


@dataclass(frozen=True)
class Target:
    """A base URL and what signs in there; the URL is ``None`` for a stand-in that the run starts itself."""

    base_url: str | None
    credentials: Credentials = field(repr=False)
    ca_file: str | None = None
    is_declared_live: bool = False
    """Whether ``CUSTOMERIO_LIVE_HOSTS`` names it."""

    @property
    def is_live(self) -> bool:
        """Whether it is a workspace that costs money, or is to be treated as one."""
        return self.is_declared_live or (self.base_url is not None and is_live(self.base_url))


def choose_target(settings: Settings, host_argument: str | None, *, allow_live: bool) -> Target:
    """Return the target of a run: ``--host``, else the base URL, else with credentials the region's host.

    Without any of these it is a stand-in that the run starts itself. Nothing is connected to here.

    Raises:
        ConfigError: a live host without ``allow_live`` or over plain http, or missing credentials.
    """
    if host_argument:
        base_url = parse_base_url(host_argument, "--host")
    elif settings.base_url:
        base_url = settings.base_url
    elif settings.credentials:
        base_url = TRACK_HOSTS[settings.region]
    else:
        return Target(None, _STANDIN_CREDENTIALS)
    check_connection(
        base_url,
        allow_live=allow_live,
        instead="--allow-live for load on it, or no credentials for the local stand-in",
    )
    is_declared = is_named(base_url, settings.live_hosts)
    if is_declared:
        _check_declared(base_url, allow_live=allow_live)
    target = Target(base_url, settings.credentials or _STANDIN_CREDENTIALS, settings.ca_file, is_declared)
    if settings.credentials is None:
        _check_no_credentials_needed(base_url, target)
    return target


def _check_declared(base_url: str, *, allow_live: bool) -> None:
    """Check a host that ``CUSTOMERIO_LIVE_HOSTS`` names, which can only ask for more than others need."""
    if not allow_live:
        raise ConfigError(
            f"{base_url}: refused, it is a live workspace by CUSTOMERIO_LIVE_HOSTS; expected --allow-live"
        )
    if urlsplit(base_url).scheme != "https" and not is_loopback(base_url):
        raise ConfigError(f"{base_url}: expected https for a live workspace; http would show the credentials")


def _check_no_credentials_needed(base_url: str, target: Target) -> None:
    expected = "expected CUSTOMERIO_SITE_ID and CUSTOMERIO_API_KEY"
    if target.is_live:
        raise ConfigError(f"{base_url}: no credentials; {expected}")
    if not is_loopback(base_url):
        raise ConfigError(f"{base_url}: no credentials; {expected}, or CUSTOMERIO_AUTH")
