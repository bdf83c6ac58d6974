"""The gate before a live workspace: nothing under customer.io is loaded by accident."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.customerio.hosts import is_live
from config.errors import ConfigError
from config.settings import Credentials, Settings
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
