"""Where the load goes, and the gate before a live workspace."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from config.customerio.hosts import (
    TRACK_HOSTS,
    Api,
    beside,
    check_connection,
    is_live,
    is_loopback,
    is_named,
)
from config.errors import ConfigError
from config.settings import (
    Credentials,
    Settings,
    WebhookReceiver,
    app_authorization,
    parse_base_url,
    pipelines_authorization,
)
from config.shown import shown_url
from users.scenario import SignIn

# A stand-in accepts any credentials unless it is told otherwise.
_STANDIN_CREDENTIALS = Credentials("load-test-site", "load-test-key")
_STANDIN_AUTHORIZATIONS = {
    Api.TRACK: _STANDIN_CREDENTIALS.authorization,
    Api.APP: app_authorization("load-test-app-key"),
    Api.PIPELINES: pipelines_authorization("load-test-write-key"),
}
_VARIABLES = {
    Api.TRACK: "CUSTOMERIO_SITE_ID and CUSTOMERIO_API_KEY",
    Api.APP: "CUSTOMERIO_APP_KEY",
    Api.PIPELINES: "CUSTOMERIO_WRITE_KEY",
}
RECEIVER_KEY = "load-test-signing-key"
"""Signs the webhooks to a receiver that the run starts itself. No secret: it listens on this machine only."""


@dataclass(frozen=True)
class Target:
    """Where a run's requests go, and what signs in there.

    Args:
        base_url: of the workspace's Track API, or of a host that serves all APIs. If the run sends webhooks
            alone, of their receiver. ``None`` for a stand-in, or a receiver, that the run starts itself.
        credentials: of the Track API.
        ca_file: the authority to trust, instead of the usual ones.
        apis: what the run's kinds of user call.
        authorizations: the values of the ``Authorization`` header.
        webhook: the receiver, once its URL is known.
        is_declared_live: whether ``CUSTOMERIO_LIVE_HOSTS`` names it.
    """

    base_url: str | None
    credentials: Credentials = field(repr=False)
    ca_file: str | None = None
    apis: frozenset[Api] = frozenset({Api.TRACK})
    authorizations: dict[Api, str] = field(default_factory=dict, repr=False)
    webhook: WebhookReceiver | None = None
    is_declared_live: bool = False

    @property
    def is_live(self) -> bool:
        """Whether it is a workspace that costs money, or is to be treated as one."""
        return self.is_declared_live or (self.base_url is not None and is_live(self.base_url))

    @property
    def is_standin(self) -> bool:
        """Whether it is a stand-in that the run starts itself."""
        return self.base_url is None and self.is_customerio

    @property
    def is_customerio(self) -> bool:
        """Whether the run sends anything to Customer.io or a stand-in, and not to a receiver alone."""
        return bool(self.apis - {Api.WEBHOOK})

    @property
    def lacks_receiver(self) -> bool:
        """Whether the run has to start a receiver."""
        return Api.WEBHOOK in self.apis and self.webhook is None

    @property
    def own_receiver_url(self) -> str | None:
        """The URL of the receiver that the run has started itself, if it has."""
        is_own = self.webhook is not None and self.webhook.signing_key == RECEIVER_KEY
        return self.webhook.base_url if self.webhook is not None and is_own else None

    def urls(self, base_url: str) -> list[str]:
        """Return all base URLs that are sent to, each once, where ``base_url`` is the target's."""
        urls = [beside(base_url, api) for api in Api if api in self.apis - {Api.WEBHOOK}]
        if self.webhook is not None:
            urls.append(self.webhook.base_url)
        return list(dict.fromkeys(urls))

    def sign_in(self, api: Api, *, allow_live: bool, is_traced: bool = False) -> SignIn:
        """Return where the requests to an API go, and what they carry.

        Raises:
            RuntimeError: it is the receiver's, and that has not been started.
        """
        if api is not Api.WEBHOOK:
            base_url = None if self.base_url is None else beside(self.base_url, api)
            return SignIn(self.authorizations[api], self.ca_file, base_url, allow_live, is_traced)
        if self.webhook is None:
            raise RuntimeError("internal error: the receiver of webhooks has not been started")
        receiver = self.webhook
        return SignIn(
            "",
            None,
            receiver.base_url,
            is_traced=is_traced,
            path=receiver.path,
            signing_key=receiver.signing_key,
        )


def own_receiver(base_url: str) -> WebhookReceiver:
    """Return the receiver that a run has started itself at a URL."""
    return WebhookReceiver(base_url, "/", RECEIVER_KEY)


def names_no_target(settings: Settings, host_argument: str | None) -> bool:
    """Return whether nothing says where requests to Customer.io go, so that the run starts a stand-in."""
    return not (host_argument or settings.base_url or settings.names_workspace)


def choose_target(
    settings: Settings,
    host_argument: str | None,
    *,
    allow_live: bool,
    apis: Collection[Api] = (Api.TRACK,),
    receiver_url: str | None = None,
) -> Target:
    """Return the target of a run: ``--host``, else the base URL, else with credentials the region's hosts.

    Without any of these it is a stand-in that the run starts itself. Nothing is connected to here.

    Args:
        settings: the hosts and the credentials.
        host_argument: ``--host``, or the host of the web UI's form.
        allow_live: whether a host under customer.io is wanted.
        apis: what the run's kinds of user call.
        receiver_url: of the receiver that the run has started itself, if it has.

    Raises:
        ConfigError: a live host without ``allow_live`` or over plain http, or missing credentials.
    """
    wanted, webhook = frozenset(apis), None
    if Api.WEBHOOK in wanted:
        webhook = settings.webhook or _started_receiver(receiver_url)
    if not wanted - {Api.WEBHOOK}:
        base_url = None if webhook is None else webhook.base_url
        if host_argument and parse_base_url(host_argument, "--host") != base_url:
            raise ConfigError(
                "--host: expected WEBHOOK_URL and WEBHOOK_SIGNING_KEY for a run with webhooks alone"
            )
        return Target(base_url, _STANDIN_CREDENTIALS, None, wanted, {}, webhook)
    if names_no_target(settings, host_argument):
        return Target(None, _STANDIN_CREDENTIALS, None, wanted, _STANDIN_AUTHORIZATIONS, webhook)
    if host_argument:
        base_url = parse_base_url(host_argument, "--host")
    else:
        base_url = settings.base_url or TRACK_HOSTS[settings.region]
    check_connection(
        base_url,
        allow_live=allow_live,
        instead="--allow-live for load on it, or no credentials for the local stand-in",
    )
    is_declared = is_named(base_url, settings.live_hosts)
    if is_declared:
        _check_declared(base_url, allow_live=allow_live)
    is_workspace = is_declared or is_live(base_url)
    authorizations = dict(_STANDIN_AUTHORIZATIONS)
    for api in _VARIABLES:
        authorization = settings.authorization(api)
        if authorization is not None:
            authorizations[api] = authorization
        elif api in wanted or (api is Api.TRACK and is_workspace):
            # The Track API's credentials tell which workspace a live run is for, whatever it sends.
            _check_no_credentials_needed(base_url, api, is_workspace=is_workspace)
    credentials = settings.credentials or _STANDIN_CREDENTIALS
    return Target(base_url, credentials, settings.ca_file, wanted, authorizations, webhook, is_declared)


def _check_declared(base_url: str, *, allow_live: bool) -> None:
    """Check a host that ``CUSTOMERIO_LIVE_HOSTS`` names, which can only ask for more than others need."""
    if not allow_live:
        raise ConfigError(
            f"{base_url}: refused, it is a live workspace by CUSTOMERIO_LIVE_HOSTS; expected --allow-live"
        )
    if urlsplit(base_url).scheme != "https" and not is_loopback(base_url):
        raise ConfigError(f"{base_url}: expected https for a live workspace; http would show the credentials")


def _started_receiver(url: str | None) -> WebhookReceiver | None:
    if url is None:
        return None
    if not is_loopback(url):
        # A master's message may name any URL. Where webhooks go is decided on this machine.
        raise ConfigError(
            f"user 'webhook': {shown_url(url)} is not on this machine; "
            "expected WEBHOOK_URL and WEBHOOK_SIGNING_KEY on each worker"
        )
    return own_receiver(url)


def _check_no_credentials_needed(base_url: str, api: Api, *, is_workspace: bool) -> None:
    expected = f"expected {_VARIABLES[api]}"
    if is_workspace:
        raise ConfigError(f"{beside(base_url, api)}: no credentials; {expected}")
    if not is_loopback(base_url):
        instead = ", or CUSTOMERIO_AUTH" if api is Api.TRACK else ""
        raise ConfigError(f"{base_url}: no credentials; {expected}{instead}")
