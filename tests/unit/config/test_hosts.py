"""Customer.io's hosts: what is live, what is this machine, and which connections may be opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.customerio.hosts import (
    API_HOSTS,
    TRACK_HOSTS,
    Api,
    Region,
    beside,
    check_connection,
    check_region,
    is_live,
    is_loopback,
    region_of,
)
from config.errors import ConfigError
from pipeline.settings import load_pipeline_settings
from tests.programs.track_client import client_of, run

LIVE = [
    "https://customer.io",
    "https://customer.io.",
    "https://track.customer.io",
    "https://track-eu.customer.io:443/api/v1",
    "https://CDP.Customer.IO./v1/",
    "https://a.b.c.customer.io",
    "wss://user:password@track.customer.io/path",
    "https://track.%63ustomer.io",
    "https://track。customer．io",
    "https://ｔｒａｃｋ.customer.io",
]
OTHERS = [
    "http://127.0.0.1:8080",
    "http://localhost",
    "http://notcustomer.io",
    "http://customer.io.example.com",
    "http://customer-io",
    "http://example.com/customer.io",
    "http://example.com/?host=track.customer.io",
    "http://customer.io@example.com",
]


@pytest.mark.parametrize("url", LIVE)
def test_customerio_and_what_is_under_it_is_live(url: str) -> None:
    assert is_live(url)


@pytest.mark.parametrize("url", OTHERS)
def test_another_host_is_not_live_and_may_be_connected_to(url: str) -> None:
    assert not is_live(url)
    check_connection(url, allow_live=False)
    check_connection(url, allow_live=True)


@pytest.mark.parametrize(
    "url",
    ["http://localhost", "http://LOCALHOST:1", "http://localhost.", "http://127.0.0.1", "http://127.9.9.9:1",
     "http://[::1]:8080"],
)  # fmt: skip
def test_this_machine_is_known_by_name_and_address(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize(
    "url",
    ["http://127.example.com", "http://10.0.0.1", "http://localhost.example.com", "http://0.0.0.0",
     "http://[::2]", "http://example.com/localhost"],
)  # fmt: skip
def test_another_machine_is_not_this_one(url: str) -> None:
    assert not is_loopback(url)


@pytest.mark.parametrize("url", LIVE)
def test_a_live_host_needs_permission(url: str) -> None:
    with pytest.raises(ConfigError, match="refused, it is a live workspace; expected a stand-in") as caught:
        check_connection(url, allow_live=False, instead="a stand-in")
    assert "\n" not in str(caught.value)
    check_connection(url.replace("wss:", "https:"), allow_live=True)


@pytest.mark.parametrize("scheme", ["http", "ws", "redis", "HTTP"])
@pytest.mark.parametrize("allow_live", [False, True])
def test_a_live_host_is_never_reached_without_encryption(scheme: str, allow_live: bool) -> None:
    with pytest.raises(ConfigError, match=r"customer\.io:8000: (refused|expected https)"):
        check_connection(f"{scheme}://track.customer.io:8000/path", allow_live=allow_live)


def test_an_error_repeats_neither_credentials_nor_path() -> None:
    with pytest.raises(ConfigError) as caught:
        check_connection("http://user:hush@track.customer.io/hush?token=hush", allow_live=True)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["", "track.customer.io", "http://", "http:///path", "http://[::1", "http://host:port",
     "http://track.customer.io\\@127.0.0.1", "http://127.0.0.1\n.customer.io", "http://127.0.0.1 .other.com",
     "https://track.cust\N{SOFT HYPHEN}omer.io", "https://track.customer.io%00.other.com",
     "https://track.customer.io%2F.other.com", "https://track.%2563ustomer.io", "https://a%40customer.io"],
)  # fmt: skip
def test_a_url_that_clients_read_differently_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        check_connection(url, allow_live=True)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from("abc.-0"), max_size=8).map("".join),
    st.sampled_from(["customer.io", "CUSTOMER.IO", "customer.io.", "Customer.Io:443", "customer.io/path"]),
)
def test_whatever_stands_before_the_domain_it_is_live(name: str, domain: str) -> None:
    assert is_live(f"https://{name}.{domain}")


def test_regions_are_known_by_their_hosts() -> None:
    assert {region_of(url) for url in TRACK_HOSTS.values()} == {"us", "eu"}
    assert region_of("https://TRACK-EU.customer.io./api/v1/customers/x") == "eu"
    assert region_of("https://fly.customer.io") is None
    assert region_of("/elsewhere") is None


@pytest.mark.parametrize("api", list(API_HOSTS), ids=str)
def test_every_api_of_a_workspace_is_in_its_region(api: Api) -> None:
    for region, url in API_HOSTS[api].items():
        assert is_live(url)
        assert region_of(url) == region
        assert [beside(url, other) for other in API_HOSTS] == [of[region] for of in API_HOSTS.values()]
    assert beside("http://127.0.0.1:8080", api) == "http://127.0.0.1:8080"


# -- the pipeline, whose purpose is live delivery ---------------------------------------------------

CREDENTIALS = {"CUSTOMERIO_SITE_ID": "site", "CUSTOMERIO_API_KEY": "hush-hush"}


def test_the_pipeline_delivers_to_a_live_host_over_https_alone() -> None:
    for url in ("https://track.customer.io", "https://track-eu.customer.io/api/v2"):
        assert load_pipeline_settings({**CREDENTIALS, "CUSTOMERIO_BASE_URL": url}).target.base_url in url
    for url in ("http://track.customer.io", "http://TRACK-EU.customer.io.:80", "http://cdp.customer.io"):
        with pytest.raises(ConfigError, match="expected https for a live workspace") as caught:
            load_pipeline_settings({**CREDENTIALS, "CUSTOMERIO_BASE_URL": url})
        assert "hush" not in str(caught.value)


def test_the_pipelines_client_refuses_plain_http_to_a_live_host_without_settings_too() -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match="expected https"):
            async with client_of("http://track.customer.io", retry=None):  # type: ignore[arg-type]
                raise AssertionError("a client was made")

    run(main())


@pytest.mark.parametrize("host", ["https://track.customer.io", "https://track-eu.customer.io:443"])
@pytest.mark.parametrize("setting", ["us", "eu"])
def test_the_host_decides_which_region_an_account_must_be_in(host: str, setting: Region) -> None:
    ours = region_of(host)
    assert ours is not None
    other = "us" if ours == "eu" else "eu"
    check_region(b'{"region":"%s"}' % ours.encode(), host, setting)
    with pytest.raises(ConfigError, match=f"set CUSTOMERIO_REGION={other}"):
        check_region(b'{"region":"%s"}' % other.encode(), host, setting)


def test_hosts_are_decided_on_in_one_place() -> None:
    root = Path(__file__).resolve().parents[3]
    rooms = ("config", "engine", "metrics", "pipeline", "report", "run", "shapes", "standin", "users")
    sources = [path for room in rooms for path in (root / room).rglob("*.py")]
    assert sources
    for words in ('"customer.io"', "https://track.customer.io", "ip_address("):
        homes = [path for path in sources if words in path.read_text(encoding="utf-8")]
        assert homes == [root / "config/customerio/hosts.py"], words
