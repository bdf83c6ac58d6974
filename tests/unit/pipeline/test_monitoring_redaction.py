"""No secret gets through, whatever stands around it, and what is no secret does."""

from __future__ import annotations

import base64
import json
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.redaction import Redactor
from config.settings import Credentials
from pipeline.monitoring.redaction import known_secrets

SECRETS = st.text(string.ascii_letters + string.digits + "\"'\\/%@:+é€\n", min_size=8, max_size=30)


@given(SECRETS, st.text(max_size=20), st.text(max_size=20))
def test_a_secret_that_is_known_is_found_in_every_form(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret])
    for form in (secret, quote(secret, safe=""), json.dumps(secret), repr(secret)):
        shown = redactor.text(before + form + after)
        assert secret not in shown
        assert json.dumps(secret)[1:-1] not in shown


@given(st.text(string.ascii_letters + string.digits + ":", min_size=8, max_size=40))
def test_basic_credentials_are_found_without_being_known(pair: str) -> None:
    encoded = base64.b64encode(pair.encode()).decode()
    redactor = Redactor([])
    for text in (
        f"Authorization: Basic {encoded}",
        f"<CIMultiDict('Authorization': 'Basic {encoded}')>",
        f"basic {encoded}",
    ):
        assert encoded not in redactor.text(text)


@given(st.text(string.ascii_letters + string.digits + ":/%!$", min_size=8, max_size=20))
def test_a_password_in_a_url_is_found_without_being_known(password: str) -> None:
    text = Redactor([]).text(f"Error 111 connecting to redis://user:{password}@cache:6379/0, retrying")
    assert text == "Error 111 connecting to redis://***@cache:6379/0, retrying"


@pytest.mark.parametrize(
    "text",
    [
        "sasl_plain_password='hush-hush', retries=3",
        '{"api_key": "hush-hush", "retries": 3}',
        "password=hush-hush retries=3",
        "Authorization: Bearer hush-hush",
        "redis://:hush-hush@cache:6379/0",
    ],
)
def test_what_is_named_a_secret_is_one(text: str) -> None:
    shown = Redactor([]).text(text)
    assert "hush-hush" not in shown
    assert ("retries" in text) == ("retries" in shown)


@pytest.mark.parametrize(
    "text",
    [
        "12 tokens_left=3, partition=4 offset=17",
        "Unable connect to node with id 111: [Errno 111] Connect call failed ('127.0.0.1', 19377)",
        "http://standin:8080/api/v2/batch answered 503",
        "the basics: read at 10:30, see https://example.com/a@b",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor(["", "something else"]).text(text) == text


def test_a_secret_within_another_leaves_nothing_of_it() -> None:
    assert Redactor(["abcd1234", "abcd1234-and-more"]).text("x abcd1234-and-more y") == "x *** y"


def test_a_word_as_short_as_the_stand_ins_does_not_spoil_other_text() -> None:
    redactor = Redactor(["standin", "local", ""])
    assert redactor.text("http://standin:8080 on localhost") == "http://standin:8080 on localhost"
    assert redactor.text("api_key=standin") == "api_key=***"


def test_the_secrets_of_the_settings_are_known() -> None:
    credentials = Credentials("site-0123", "key-456789")
    secrets = known_secrets(credentials, "redis://user:pass%2Fword9@cache:6379/0")
    shown = Redactor(secrets).text(
        f"{credentials.api_key} {credentials.authorization[6:]} pass/word9 pass%2Fword9 site-0123"
    )
    assert shown == "*** *** *** *** site-0123"
    assert known_secrets(credentials, "redis://cache") == known_secrets(credentials)


def test_values_are_searched_to_their_depth_and_numbers_stay() -> None:
    redactor = Redactor(["hush-hush"])
    value = {"offset": 7, "share": 0.5, "bad": float("nan"), "none": None, "on": True}
    nested = {
        "urls": ["redis://u:p@h", ("x", b"hush-hush")],
        "error": ValueError("hush-hush"),
        "password": "short",
    }
    shown = redactor.value({**value, **nested})
    assert shown == {
        "offset": 7, "share": 0.5, "bad": "nan", "none": None, "on": True,
        "urls": ["redis://***@h", ["x", "b'***'"]], "error": "***", "password": "***",
    }  # fmt: skip
