"""Where Customer.io is and how to sign in: from the environment, or from a ``.env`` file behind it."""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from config.command_line import print_warning
from config.customerio.hosts import TRACK_HOSTS, Api, Region, check_connection
from config.errors import ConfigError
from config.shown import shown, shown_url
from config.urls import split_url

_ALIASES = {"CIO_SITE_ID": "CUSTOMERIO_SITE_ID", "CIO_API_KEY": "CUSTOMERIO_API_KEY"}
_CREDENTIALS = (*_ALIASES, "CUSTOMERIO_SITE_ID", "CUSTOMERIO_API_KEY", "CUSTOMERIO_AUTH")
# Plain names and addresses only: an escape such as %63 would be undone after the host was looked at.
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_HOST_AND_PORT = re.compile(r"[a-z0-9._-]+(?::\d{1,5})?")
_API_PATHS = ("/api/v1", "/api/v2")
_ENV_FILE = Path(__file__).resolve().parent.parent / ".env"
_OTHERS = 0o077
# Of a variable's name. Redis' address may hold a password.
_SECRET_NAME = re.compile(r"KEY|PASSWORD|TOKEN|SECRET|AUTH|SITE_ID|REDIS_URL")


@dataclass(frozen=True)
class Credentials:
    """The pair that signs in to the Track API; never shown."""

    site_id: str = field(repr=False)
    api_key: str = field(repr=False)

    @property
    def authorization(self) -> str:
        """The value of the HTTP Basic ``Authorization`` header."""
        return _basic(self.site_id, self.api_key)


def app_authorization(app_key: str) -> str:
    """Return the value of the ``Authorization`` header for the App API."""
    return f"Bearer {app_key}"


def pipelines_authorization(write_key: str) -> str:
    """Return the value of the ``Authorization`` header for the Pipelines API: the write key as the user."""
    return _basic(write_key, "")


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass(frozen=True)
class WebhookReceiver:
    """Where reporting webhooks go, and the key that they are signed with.

    Args:
        base_url: ``http(s)://host[:port]``.
        path: the rest of the URL.
        signing_key: never shown.
    """

    base_url: str
    path: str
    signing_key: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """What the environment says; ``base_url`` has no path, ``None`` where nothing names a host."""

    credentials: Credentials | None
    region: Region
    base_url: str | None
    ca_file: str | None
    live_hosts: frozenset[str] = frozenset()
    """Hosts that count as live workspaces beside those under customer.io: ``host`` or ``host:port``."""
    app_key: str | None = field(default=None, repr=False)
    write_key: str | None = field(default=None, repr=False)
    webhook: WebhookReceiver | None = None

    def authorization(self, api: Api) -> str | None:
        """Return the value of the ``Authorization`` header for an API; ``None`` without its credentials."""
        match api:
            case Api.APP:
                return None if self.app_key is None else app_authorization(self.app_key)
            case Api.PIPELINES:
                return None if self.write_key is None else pipelines_authorization(self.write_key)
            case Api.TRACK:
                return None if self.credentials is None else self.credentials.authorization
        return None

    @property
    def names_workspace(self) -> bool:
        """Whether there are credentials of any API."""
        return any(self.authorization(api) is not None for api in Api)


def load_test_environment() -> dict[str, str]:
    """Return the environment's variables over those of ``.env`` beside the README.

    Raises:
        ConfigError: the file cannot be read, or LOAD_TEST_ENV_FILE names one that does not exist.
    """
    named = os.environ.get("LOAD_TEST_ENV_FILE")
    if named and not Path(named).exists():
        raise ConfigError(f"LOAD_TEST_ENV_FILE: no such file: {named}")
    return read_environment(os.environ, Path(named or _ENV_FILE))


def read_environment(environ: Mapping[str, str], env_file: Path | None) -> dict[str, str]:
    """The variables of ``env_file`` with those of the real environment over them.

    A file that does not exist is an empty one. Empty values count as not set. If others than its owner can
    read a file with secrets, a line on standard error says so.

    Raises:
        ConfigError: the file exists and cannot be read, or a variable is set under two names.
    """
    values: dict[str, str | None] = {}
    if env_file is not None and env_file.exists():
        try:
            text = env_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ConfigError(f"{env_file}: cannot be read: {reason}") from error
        values = dict(dotenv_values(stream=io.StringIO(text), interpolate=False))
        if env_file.stat().st_mode & _OTHERS and _has_secrets(values):
            print_warning(f"{env_file}: others can read its secrets; chmod 600 {shlex.quote(str(env_file))}")
    ours = {name: value.strip() for name, value in environ.items() if value.strip()}
    if not ours.keys().isdisjoint(_CREDENTIALS):
        # Credentials are one thing: a half of them from here and a half from there fits no workspace.
        values = {name: value for name, value in values.items() if name not in _CREDENTIALS}
    theirs = {name: value.strip() for name, value in values.items() if value and value.strip()}
    return _under_own_names({**theirs, **ours})


def _under_own_names(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with those of the older shell script under the names they have here.

    Raises:
        ConfigError: a variable is set under both its names, with two values.
    """
    found = dict(variables)
    for alias, name in _ALIASES.items():
        value = found.pop(alias, None)
        if value is not None and found.setdefault(name, value) != value:
            raise ConfigError(f"{alias}, {name}: both are set and differ; expected one of them")
    return found


def _has_secrets(values: Mapping[str, str | None]) -> bool:
    return any(value and value.strip() and _SECRET_NAME.search(name) for name, value in values.items())


def load_settings(variables: Mapping[str, str]) -> Settings:
    """Settings from variables as ``.env.example`` names them.

    Raises:
        ConfigError: a variable is not of its form, or a half of the credentials is missing.
    """
    return Settings(
        credentials=_credentials(variables),
        region=_region(variables),
        base_url=_base_url(variables.get("CUSTOMERIO_BASE_URL")),
        ca_file=_ca_file(variables.get("CUSTOMERIO_CA_FILE")),
        live_hosts=_live_hosts(variables.get("CUSTOMERIO_LIVE_HOSTS", "")),
        app_key=_key(variables, "CUSTOMERIO_APP_KEY"),
        write_key=_key(variables, "CUSTOMERIO_WRITE_KEY"),
        webhook=_webhook(variables.get("WEBHOOK_URL"), variables.get("WEBHOOK_SIGNING_KEY")),
    )


def parse_base_url(text: str, place: str) -> str:
    """A base URL without its path: ``http(s)://host[:port]``; the API's path may follow and is cut off.

    Raises:
        ConfigError: anything else.
    """
    if "@" in text:
        # Not repeated: what stands before the @ may be a secret.
        raise ConfigError(
            f"{place}: expected no user or password in the URL; use CUSTOMERIO_SITE_ID and _API_KEY"
        )
    expected = f"{place}: expected http(s)://host[:port], got {shown_url(text)}"
    parts = split_url(text, ("http", "https"))
    if parts is None or not _HOST.fullmatch(parts.hostname or ""):
        raise ConfigError(expected)
    path = parts.path.rstrip("/")
    if path and path not in _API_PATHS:
        raise ConfigError(f"{place}: expected no path but {' or '.join(_API_PATHS)}, got {shown_url(text)}")
    hostname = parts.hostname or ""
    host = f"[{hostname}]" if ":" in hostname else hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port is not None else "")


def _credentials(variables: Mapping[str, str]) -> Credentials | None:
    site_id, api_key = variables.get("CUSTOMERIO_SITE_ID"), variables.get("CUSTOMERIO_API_KEY")
    encoded = variables.get("CUSTOMERIO_AUTH")
    if site_id and api_key:
        if encoded and _decoded(encoded) != Credentials(site_id, api_key):
            raise ConfigError(
                "CUSTOMERIO_AUTH, CUSTOMERIO_SITE_ID: both are set and differ; expected one of them"
            )
        return _checked(Credentials(site_id, api_key))
    if site_id or api_key:
        missing = "CUSTOMERIO_API_KEY" if site_id else "CUSTOMERIO_SITE_ID"
        raise ConfigError(f"{missing}: not set; expected both CUSTOMERIO_SITE_ID and CUSTOMERIO_API_KEY")
    return _checked(_decoded(encoded)) if encoded else None


def _decoded(encoded: str) -> Credentials:
    """Return the credentials in the value of ``CUSTOMERIO_AUTH``; ``ConfigError`` if it has none."""
    # The value itself is a secret and stays out of the message.
    expected = "CUSTOMERIO_AUTH: expected base64 of 'site_id:api_key'"
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ConfigError(expected) from error
    site_id, colon, api_key = decoded.partition(":")
    if not (site_id and colon and api_key):
        raise ConfigError(expected)
    return Credentials(site_id, api_key)


def _checked(credentials: Credentials) -> Credentials:
    pair = credentials.site_id + credentials.api_key
    if not (pair.isascii() and pair.isprintable()) or " " in pair or ":" in credentials.site_id:
        raise ConfigError(
            "CUSTOMERIO_SITE_ID, CUSTOMERIO_API_KEY: "
            "expected printable ASCII without spaces, no ':' in the site id"
        )
    return credentials


def _key(variables: Mapping[str, str], name: str) -> str | None:
    key = variables.get(name)
    if key is not None and (not (key.isascii() and key.isprintable()) or set(key) & {" ", ":"}):
        raise ConfigError(f"{name}: expected printable ASCII without spaces and ':'")
    return key


def _webhook(url: str | None, signing_key: str | None) -> WebhookReceiver | None:
    if url is None and signing_key is None:
        return None
    if url is None or signing_key is None:
        missing = "WEBHOOK_URL" if url is None else "WEBHOOK_SIGNING_KEY"
        raise ConfigError(f"{missing}: not set; expected both WEBHOOK_URL and WEBHOOK_SIGNING_KEY")
    parts = split_url(url, ("http", "https"))
    if "@" in url or parts is None or not _HOST.fullmatch(parts.hostname or ""):
        raise ConfigError(
            f"WEBHOOK_URL: expected http(s)://host[:port][/path] without a user, got {shown_url(url)}"
        )
    base_url = f"{parts.scheme}://{parts.netloc}"
    # Customer.io calls receivers; nobody plays Customer.io against itself.
    check_connection(base_url, allow_live=False, instead="the URL of your own receiver")
    return WebhookReceiver(base_url, parts.path or "/", signing_key)


def _region(variables: Mapping[str, str]) -> Region:
    region = variables.get("CUSTOMERIO_REGION", "us").lower()
    if region not in TRACK_HOSTS:
        raise ConfigError(f"CUSTOMERIO_REGION: expected 'us' or 'eu', got {shown(region)}")
    return region


def _base_url(text: str | None) -> str | None:
    return None if text is None else parse_base_url(text, "CUSTOMERIO_BASE_URL")


def _live_hosts(text: str) -> frozenset[str]:
    hosts = frozenset(part.strip().lower() for part in text.split(",") if part.strip())
    for host in hosts:
        if not _HOST_AND_PORT.fullmatch(host):
            raise ConfigError(
                f"CUSTOMERIO_LIVE_HOSTS: expected host or host:port, commas between, got {shown_url(host)}"
            )
    return hosts


def _ca_file(path: str | None) -> str | None:
    if path is not None and not Path(path).is_file():
        raise ConfigError(f"CUSTOMERIO_CA_FILE: expected the path of a PEM file, got {shown(path)}")
    return path
