"""The gate before a live workspace: nothing under customer.io is loaded by accident."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.customerio.hosts import Api, is_live
from config.errors import ConfigError
from config.settings import Credentials, Settings, WebhookReceiver, load_settings
from run.target import choose_target

SECRET = Credentials("site", "hush-hush")


def settings(
    credentials: Credentials | None = None, base_url: str | None = None, region: str = "us"
) -> Settings:
    return Settings(credentials, "eu" if region == "eu" else "us", base_url, None)


def test_without_credentials_and_host_it_is_a_stand_in_of_our_own() -> None:
    assert choose_target(settings(), None, allow_live=False).base_url is None


def test_a_host_on_this_machine_needs_no_credentials() -> None:
    target = choose_target(settings(), "http://127.0.0.1:8080", allow_live=False)
    assert target.base_url == "http://127.0.0.1:8080"
    assert target.credentials.authorization.startswith("Basic ")


def test_the_host_argument_wins_over_the_base_url() -> None:
    chosen = choose_target(settings(base_url="http://localhost:1"), "http://localhost:2", allow_live=False)
    assert chosen.base_url == "http://localhost:2"


@pytest.mark.parametrize(
    "url",
    ["https://track.customer.io", "https://track-eu.customer.io", "https://customer.io", "https://CUSTOMER.IO:443",
     "https://a.b.customer.io"],
)  # fmt: skip
def test_a_live_host_is_known_by_its_domain(url: str) -> None:
    assert is_live(url)
    with pytest.raises(ConfigError, match="refused, it is a live workspace; expected --allow-live"):
        choose_target(settings(SECRET), url, allow_live=False)


@pytest.mark.parametrize(
    "url", ["http://customer.io.example.com", "http://notcustomer.io", "http://127.0.0.1"]
)
def test_other_hosts_are_not_live(url: str) -> None:
    assert not is_live(url)


@pytest.mark.parametrize(("region", "host"), [("us", "track"), ("eu", "track-eu")])
def test_credentials_alone_mean_the_regions_live_host(region: str, host: str) -> None:
    with pytest.raises(ConfigError, match=f"https://{host}.customer.io: refused"):
        choose_target(settings(SECRET, region=region), None, allow_live=False)
    allowed = choose_target(settings(SECRET, region=region), None, allow_live=True)
    assert allowed.base_url == f"https://{host}.customer.io"


def test_a_live_host_is_never_loaded_over_plain_http_or_without_credentials() -> None:
    with pytest.raises(ConfigError, match="expected https"):
        choose_target(settings(SECRET), "http://track.customer.io", allow_live=True)
    with pytest.raises(ConfigError, match="no credentials"):
        choose_target(settings(), "https://track.customer.io", allow_live=True)


@pytest.mark.parametrize("url", ["http://127.example.com", "http://10.0.0.1", "http://localhost.example.com"])
def test_what_only_looks_like_this_machine_needs_credentials(url: str) -> None:
    with pytest.raises(ConfigError, match="no credentials"):
        choose_target(settings(), url, allow_live=False)


def test_another_machine_needs_credentials() -> None:
    with pytest.raises(ConfigError, match="no credentials"):
        choose_target(settings(), "http://standin.example.com", allow_live=False)


def test_no_message_and_no_repr_shows_a_secret() -> None:
    assert "hush" not in repr(choose_target(settings(SECRET), None, allow_live=True))
    with pytest.raises(ConfigError) as caught:
        choose_target(settings(SECRET), None, allow_live=False)
    assert "hush" not in str(caught.value)


DECLARED = Settings(SECRET, "us", None, None, frozenset({"127.0.0.1:8080", "proxy.example.com"}))


def test_a_declared_host_is_live_in_everything_but_its_name() -> None:
    with pytest.raises(ConfigError, match="a live workspace by CUSTOMERIO_LIVE_HOSTS; expected --allow-live"):
        choose_target(DECLARED, "http://127.0.0.1:8080", allow_live=False)
    assert choose_target(DECLARED, "http://127.0.0.1:8080", allow_live=True).is_live
    assert choose_target(DECLARED, "https://Proxy.Example.com", allow_live=True).is_live
    assert not choose_target(DECLARED, "http://127.0.0.1:8081", allow_live=False).is_live
    with pytest.raises(ConfigError, match="expected https for a live workspace"):
        choose_target(DECLARED, "http://proxy.example.com", allow_live=True)
    with pytest.raises(ConfigError, match="no credentials"):
        choose_target(replace(DECLARED, credentials=None), "http://127.0.0.1:8080", allow_live=True)


def test_to_declare_a_host_makes_no_other_one_less_live() -> None:
    with pytest.raises(ConfigError, match="refused, it is a live workspace"):
        choose_target(DECLARED, "https://track.customer.io", allow_live=False)
    assert choose_target(DECLARED, "https://track.customer.io", allow_live=True).is_live


# -- the other APIs, and the receiver of webhooks ---------------------------------------------------

EVERY = {
    "CUSTOMERIO_SITE_ID": "site",
    "CUSTOMERIO_API_KEY": "hush-track",
    "CUSTOMERIO_APP_KEY": "hush-app",
    "CUSTOMERIO_WRITE_KEY": "hush-write",
}
CUSTOMERIO = (Api.TRACK, Api.APP, Api.PIPELINES)


@pytest.mark.parametrize("region", ["us", "eu"])
def test_each_api_has_its_host_and_its_credentials(region: str) -> None:
    settings = load_settings({**EVERY, "CUSTOMERIO_REGION": region})
    target = choose_target(settings, None, allow_live=True, apis=CUSTOMERIO)
    ending = "-eu" if region == "eu" else ""

    sign_ins = [target.sign_in(api, allow_live=True) for api in CUSTOMERIO]

    hosts = [f"https://{name}{ending}.customer.io" for name in ("track", "api", "cdp")]
    assert [sign_in.base_url for sign_in in sign_ins] == hosts == target.urls(hosts[0])
    assert [sign_in.authorization for sign_in in sign_ins] == [
        "Basic c2l0ZTpodXNoLXRyYWNr",
        "Bearer hush-app",
        "Basic aHVzaC13cml0ZTo=",
    ]
    assert "hush" not in repr((settings, target, sign_ins))


@pytest.mark.parametrize("api", CUSTOMERIO, ids=str)
def test_any_credentials_mean_a_live_workspace(api: Api) -> None:
    variables = {"track": "SITE_ID", "app": "APP_KEY", "pipelines": "WRITE_KEY"}
    settings = load_settings(
        {name: value for name, value in EVERY.items() if variables[api] in name or api == "track"}
    )

    with pytest.raises(ConfigError, match="refused, it is a live workspace") as caught:
        choose_target(settings, None, allow_live=False, apis=[api])

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("api", "expected"),
    [
        (Api.TRACK, "https://track.customer.io: no credentials; expected CUSTOMERIO_SITE_ID and"),
        (Api.APP, "https://api.customer.io: no credentials; expected CUSTOMERIO_APP_KEY"),
        (Api.PIPELINES, "https://cdp.customer.io: no credentials; expected CUSTOMERIO_WRITE_KEY"),
    ],
    ids=str,
)
def test_every_api_that_is_called_needs_its_own_credentials(api: Api, expected: str) -> None:
    others = {Api.TRACK: ("SITE_ID", "_API_KEY"), Api.APP: ("APP_KEY",), Api.PIPELINES: ("WRITE_KEY",)}[api]
    left = {name: value for name, value in EVERY.items() if not name.endswith(others)}
    if api is Api.TRACK:
        left["CUSTOMERIO_APP_KEY"] = "hush-app"
    else:
        left["CUSTOMERIO_API_KEY"] = "hush-track"

    with pytest.raises(ConfigError, match=expected):
        choose_target(load_settings(left), None, allow_live=True, apis=CUSTOMERIO)


def test_a_host_that_is_not_live_serves_every_api() -> None:
    target = choose_target(settings(), "http://127.0.0.1:8080", allow_live=False, apis=CUSTOMERIO)
    for api in CUSTOMERIO:
        assert target.sign_in(api, allow_live=False).base_url == "http://127.0.0.1:8080"
        assert target.sign_in(api, allow_live=False).authorization
    assert target.urls("http://127.0.0.1:8080") == ["http://127.0.0.1:8080"]


def test_webhooks_go_to_their_receiver_without_the_credentials() -> None:
    webhook = {
        "WEBHOOK_URL": "https://hooks.example.com:8443/cio/events",
        "WEBHOOK_SIGNING_KEY": "hush-signing",
    }
    target = choose_target(load_settings({**EVERY, **webhook}), None, allow_live=False, apis=[Api.WEBHOOK])

    sign_in = target.sign_in(Api.WEBHOOK, allow_live=True)

    assert (sign_in.base_url, sign_in.path) == ("https://hooks.example.com:8443", "/cio/events")
    assert (sign_in.authorization, sign_in.allow_live, sign_in.signing_key) == ("", False, "hush-signing")
    assert not target.is_customerio
    assert not target.lacks_receiver
    assert "hush" not in repr((target, sign_in))


def test_without_a_receiver_the_run_starts_one_on_this_machine() -> None:
    target = choose_target(settings(), None, allow_live=False, apis=[Api.TRACK, Api.WEBHOOK])
    assert target.lacks_receiver
    started = choose_target(
        settings(), None, allow_live=False, apis=[Api.TRACK, Api.WEBHOOK], receiver_url="http://127.0.0.1:9"
    )
    assert started.own_receiver_url == "http://127.0.0.1:9"
    assert started.urls("http://127.0.0.1:8") == ["http://127.0.0.1:8", "http://127.0.0.1:9"]


def test_a_worker_sends_no_webhooks_where_its_own_environment_does_not_say() -> None:
    with pytest.raises(ConfigError, match="expected WEBHOOK_URL and WEBHOOK_SIGNING_KEY on each worker"):
        choose_target(
            settings(), None, allow_live=True, apis=[Api.WEBHOOK], receiver_url="http://hooks.example.com"
        )


def test_a_host_argument_is_no_receiver() -> None:
    with pytest.raises(ConfigError, match="--host: expected WEBHOOK_URL and WEBHOOK_SIGNING_KEY"):
        choose_target(settings(), "http://127.0.0.1:9", allow_live=False, apis=[Api.WEBHOOK])
    receiver = WebhookReceiver("http://127.0.0.1:9", "/", "key")
    known = Settings(None, "us", None, None, webhook=receiver)
    assert (
        choose_target(known, "http://127.0.0.1:9", allow_live=False, apis=[Api.WEBHOOK]).webhook is receiver
    )


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        (
            {"WEBHOOK_URL": "http://127.0.0.1/x"},
            "WEBHOOK_SIGNING_KEY: not set; expected both WEBHOOK_URL and",
        ),
        ({"WEBHOOK_SIGNING_KEY": "hush"}, "WEBHOOK_URL: not set; expected both"),
        ({"WEBHOOK_URL": "ftp://h/x", "WEBHOOK_SIGNING_KEY": "hush"}, "WEBHOOK_URL: expected http"),
        ({"WEBHOOK_URL": "http://h/x?a=hush", "WEBHOOK_SIGNING_KEY": "hush"}, "WEBHOOK_URL: expected http"),
        ({"WEBHOOK_URL": "http://a:hush@h/x", "WEBHOOK_SIGNING_KEY": "hush"}, "WEBHOOK_URL: expected http"),
        (
            {"WEBHOOK_URL": "https://track.customer.io/x", "WEBHOOK_SIGNING_KEY": "hush"},
            "refused, it is a live workspace; expected the URL of your own receiver",
        ),
        ({"CUSTOMERIO_APP_KEY": "hush hush"}, "CUSTOMERIO_APP_KEY: expected printable ASCII"),
        ({"CUSTOMERIO_WRITE_KEY": "hush:"}, "CUSTOMERIO_WRITE_KEY: expected printable ASCII"),
    ],
    ids=["no key", "no URL", "scheme", "query", "user", "live", "app key", "write key"],
)
def test_a_mistake_in_a_variable_names_it_and_no_secret(variables: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(variables)
    assert problem in str(caught.value)
    assert "hush" not in str(caught.value)
