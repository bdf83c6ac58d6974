"""What is said of an answer: whatever the server repeats, no secret and no control character."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from users.answer_text import AnswerText

SITE_ID, API_KEY = "site-5b1f4a", "key-9c2d7e-hush"
ENCODED = base64.b64encode(f"{SITE_ID}:{API_KEY}".encode()).decode()
TEXT = AnswerText(f"Basic {ENCODED}")
SECRETS = (SITE_ID, API_KEY, ENCODED)


def assert_clean(text: str) -> None:
    assert text.isprintable()
    assert not [secret for secret in SECRETS if secret in text]
    assert len(text) < 3000


def test_an_ordinary_answer_is_shown_as_it_is() -> None:
    headers = {"Location": "https://track-eu.customer.io/", "Retry-After": "5"}
    assert TEXT.answer(307, headers, b"moved\n") == (
        "HTTP 307, Location: https://track-eu.customer.io/, Retry-After: 5, body: 'moved'"
    )
    assert TEXT.error(ConnectionError("refused")) == "ConnectionError: refused"


@pytest.mark.parametrize("secret", [*SECRETS, f"Basic {ENCODED}", f"{SITE_ID}:{API_KEY}"])
@pytest.mark.parametrize(
    "around", ["{}", "Authorization: {}", '{{"you":"{}"}}', "https://{}/x", "\x1b[2J{}\x07"]
)
def test_a_server_that_repeats_a_secret_is_not_quoted(secret: str, around: str) -> None:
    echo = around.format(secret)
    headers = {"Location": echo, "Retry-After": echo}
    assert_clean(TEXT.answer(500, headers, echo.encode()))
    assert_clean(TEXT.error(ValueError(echo)))


@given(st.integers(0, 1200), st.sampled_from(SECRETS), st.integers(1, 40))
def test_a_secret_is_not_shown_in_part_where_the_text_is_cut(before: int, secret: str, times: int) -> None:
    text = "x" * before + secret * times
    said = TEXT.answer(500, {"Location": text}, text.encode())
    for length in range(9, len(secret) + 1):
        assert secret[:length] not in said, length


@given(st.binary(max_size=3000), st.text(max_size=500))
def test_whatever_comes_a_terminal_acts_on_nothing_of_it(body: bytes, header: str) -> None:
    assert_clean(TEXT.answer(500, {"Location": header, "Retry-After": header}, body))
    assert_clean(TEXT.error(ValueError(header)))
