"""Which ``Authorization`` headers are good enough."""

from __future__ import annotations

import base64

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from standin.credentials import RequiredCredentials

# A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def basic(pair: str) -> bytes:
    return b"Basic " + base64.b64encode(pair.encode())


@pytest.mark.parametrize(
    "header",
    [b"", b"Basic", b"Basic ", b"Basic !!!", b"Bearer abc", basic("site"), basic(":key"), basic("site:")],
)
def test_without_two_halves_nobody_gets_in(header: bytes) -> None:
    assert not RequiredCredentials().accept(header)


def test_any_two_halves_will_do_by_default() -> None:
    assert RequiredCredentials().accept(basic("site:key:with:colons"))
    assert RequiredCredentials().accept(basic("site:key").replace(b"Basic", b"basic"))


def test_a_demanded_pair_must_match() -> None:
    credentials = RequiredCredentials("site", "clé")

    assert credentials.accept(basic("site:clé"))
    assert not credentials.accept(basic("site:other"))
    assert not credentials.accept(basic("other:clé"))


@patient
@given(st.binary())
def test_no_header_makes_it_fail(header: bytes) -> None:
    RequiredCredentials().accept(header)
    RequiredCredentials().accept(b"Basic " + header)
