"""Settings: where the load goes and with which credentials, and that none of them is ever shown."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.settings import load_settings, parse_base_url, read_environment

PAIR = {"CUSTOMERIO_SITE_ID": "site", "CUSTOMERIO_API_KEY": "key"}


def test_nothing_set_is_no_credentials_and_the_us() -> None:
    settings = load_settings({})
    assert (settings.credentials, settings.region, settings.base_url) == (None, "us", None)


def test_a_pair_and_its_base64_are_the_same_credentials() -> None:
    encoded = base64.b64encode(b"site:key").decode()
    pair = load_settings(PAIR).credentials
    assert pair == load_settings({"CUSTOMERIO_AUTH": encoded}).credentials
    assert pair is not None
    assert pair.authorization == f"Basic {encoded}"


def test_the_names_of_the_older_script_are_taken_for_ours(tmp_path: Path) -> None:
    old = {"CIO_SITE_ID": "site", "CIO_API_KEY": "key"}
    assert read_environment(old, None) == PAIR
    assert read_environment({**old, **PAIR}, None) == PAIR
    file = tmp_path / ".env"
    file.write_text("CIO_SITE_ID=file\nCIO_API_KEY=file\n")
    assert read_environment({}, file) == {"CUSTOMERIO_SITE_ID": "file", "CUSTOMERIO_API_KEY": "file"}
    # Credentials come whole from one place, whatever their names.
    assert read_environment(PAIR, file) == PAIR


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"CIO_API_KEY": "hush"}, "CIO_API_KEY, CUSTOMERIO_API_KEY"),
        ({"CIO_SITE_ID": "hush"}, "CIO_SITE_ID, CUSTOMERIO_SITE_ID"),
        ({"CUSTOMERIO_AUTH": base64.b64encode(b"site:hush").decode()}, "CUSTOMERIO_AUTH, CUSTOMERIO_SITE_ID"),
    ],
    ids=["API key", "site id", "both as one"],
)
def test_credentials_under_two_names_that_differ_are_one_line(more: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(read_environment({**PAIR, **more}, None))
    assert str(caught.value) == f"{named}: both are set and differ; expected one of them"


def test_the_pair_and_its_base64_may_both_be_set() -> None:
    encoded = base64.b64encode(b"site:key").decode()
    assert load_settings({**PAIR, "CUSTOMERIO_AUTH": encoded}) == load_settings(PAIR)


def test_credentials_do_not_show_in_repr() -> None:
    assert "key" not in repr(
        load_settings({"CUSTOMERIO_SITE_ID": "site", "CUSTOMERIO_API_KEY": "key"}).credentials
    )


def test_the_real_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("CUSTOMERIO_REGION=eu\nCUSTOMERIO_SITE_ID='from file'\nCUSTOMERIO_API_KEY=\n# comment\n")
    variables = read_environment({"CUSTOMERIO_SITE_ID": "from environment", "CUSTOMERIO_AUTH": " "}, file)
    assert variables == {"CUSTOMERIO_REGION": "eu", "CUSTOMERIO_SITE_ID": "from environment"}


def test_credentials_come_whole_from_one_place(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("CUSTOMERIO_SITE_ID=file\nCUSTOMERIO_API_KEY=file\nCUSTOMERIO_REGION=eu\n")
    ours = read_environment({"CUSTOMERIO_AUTH": "b3VyOmtleQ=="}, file)
    assert ours == {"CUSTOMERIO_AUTH": "b3VyOmtleQ==", "CUSTOMERIO_REGION": "eu"}
    assert read_environment({"CUSTOMERIO_SITE_ID": " "}, file)["CUSTOMERIO_SITE_ID"] == "file"


def test_a_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_environment({"A": "b"}, tmp_path / ".env") == {"A": "b"}


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_environment({}, tmp_path)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://track.customer.io", "https://track.customer.io"),
        ("https://track.customer.io/api/v1/", "https://track.customer.io"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("HTTP://LocalHost:1", "http://localhost:1"),
    ],
)
def test_a_base_url_may_have_the_apis_path(text: str, url: str) -> None:
    assert parse_base_url(text, "--host") == url


@pytest.mark.parametrize(
    "text",
    [
        "track.customer.io",
        "ftp://a",
        "http://",
        "http://a:port",
        "http://a/b",
        "http://a?b=c",
        "http://a:1:2",
    ],
)
def test_anything_else_is_no_base_url(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^--host: expected "):
        parse_base_url(text, "--host")


@pytest.mark.parametrize(
    "text",
    [
        "https://site:secret@track.customer.io",
        "https://site:secret@h:99999",
        "site:secret@track",
        "//secret@h",
    ],
)
def test_credentials_in_a_url_are_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_base_url(text, "--host")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"CUSTOMERIO_SITE_ID": "site"}, "CUSTOMERIO_API_KEY: not set"),
        ({"CUSTOMERIO_API_KEY": "hush"}, "CUSTOMERIO_SITE_ID: not set"),
        ({"CUSTOMERIO_AUTH": "hush!"}, "CUSTOMERIO_AUTH: expected base64"),
        ({"CUSTOMERIO_AUTH": "aHVzaA=="}, "CUSTOMERIO_AUTH: expected base64"),
        ({"CUSTOMERIO_SITE_ID": "a:b", "CUSTOMERIO_API_KEY": "hush"}, "expected printable ASCII"),
        ({"CUSTOMERIO_REGION": "mars"}, "CUSTOMERIO_REGION: expected 'us' or 'eu', got 'mars'"),
        ({"CUSTOMERIO_BASE_URL": "nowhere"}, "CUSTOMERIO_BASE_URL: expected http"),
        ({"CUSTOMERIO_LIVE_HOSTS": "http://h"}, "CUSTOMERIO_LIVE_HOSTS: expected host or host:port"),
        ({"CUSTOMERIO_LIVE_HOSTS": "a, me:hush@h"}, "CUSTOMERIO_LIVE_HOSTS: expected host or host:port"),
        ({"CUSTOMERIO_CA_FILE": "/no/such.pem"}, "CUSTOMERIO_CA_FILE: expected the path of a PEM file"),
    ],
)
def test_a_mistake_is_told_by_variable_and_no_secret_is_repeated(
    variables: dict[str, str], problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(variables)
    assert problem in str(caught.value)
    assert "hush" not in str(caught.value)


def test_hosts_that_count_as_live_are_a_list() -> None:
    hosts = load_settings({"CUSTOMERIO_LIVE_HOSTS": "Proxy.example.com, 127.0.0.1:8080,"}).live_hosts
    assert hosts == {"proxy.example.com", "127.0.0.1:8080"}
