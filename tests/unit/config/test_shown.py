"""Text that others wrote, as it is shown: no control character, no secret of a URL, no endless line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.shown import shown, shown_url, visible


@given(st.text())
def test_whatever_it_is_a_terminal_acts_on_nothing_of_it(text: str) -> None:
    assert visible(text).isprintable()
    assert shown(text).isprintable()
    assert shown_url(text).isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, Zoë", "plain, Zoë"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\r\nb\tc\x07", r"a\r\nb\tc\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}gpj", r"\u202egpj"),
        ("\N{LINE SEPARATOR}", r"\u2028"),
    ],
)
def test_what_a_terminal_would_act_on_is_escaped(text: str, expected: str) -> None:
    assert visible(text) == expected


def test_a_value_is_shortened() -> None:
    assert shown("a" * 60) == f"'{'a' * 60}'"
    assert shown("a" * 10**6) == f"'{'a' * 57}...'"
    assert shown(12) == "12"
    assert shown([1, "b"]) == "[1, 'b']"


def test_what_cannot_be_written_has_a_name() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    assert shown(deep) == "a list"
    assert shown(16**5000) == "a int"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://influx:8086", "'http://influx:8086'"),
        ("localhost:1", "'localhost:1'"),
        ("xml", "'xml'"),
        ("http://influx:8086/hush", "'http://influx:8086...'"),
        ("http://influx?token=hush", "'http://influx...'"),
        ("http://influx#hush", "'http://influx...'"),
        ("influx?token=hush", "'influx...'"),
        ("token=hush", "'token...'"),
        ("http://me:hush@influx", "'http://...'"),
        ("http://me:hu/hush@influx", "'http://...'"),
        ("http://me:hu?hush@influx", "'http://...'"),
        ("http://influx?a=b@hush", "'http://...'"),
        ("me:hush@influx", "'...'"),
        ("ht@tp hush://x", "'...'"),
    ],
)
def test_of_a_url_no_more_than_scheme_and_host_is_shown(text: str, expected: str) -> None:
    assert shown_url(text) == expected
