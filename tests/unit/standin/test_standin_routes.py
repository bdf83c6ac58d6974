"""Paths and methods: which operation they stand for, and how identifiers come out of them."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from standin.endpoint import Endpoint
from standin.routes import ENDPOINTS, NoRoute, Route, match

# A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

segments = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@patient
@given(st.sampled_from(ENDPOINTS), st.data())
def test_fully_encoded_parameters_come_back_as_they_were(operation: Endpoint, data: st.DataObject) -> None:
    values = [data.draw(segments) for part in operation.segments if part.startswith("{")]
    remaining = iter(values)
    path = "".join(
        "/" + (quote(next(remaining), safe="") if part.startswith("{") else part)
        for part in operation.segments
    )

    route = match(operation.method, path.encode())

    assert route == Route(operation, tuple(values))


def test_a_path_is_split_before_it_is_decoded() -> None:
    route = match("PUT", b"/api/v1/customers/a%2Fb%20c%40x.com")

    assert isinstance(route, Route)
    assert route.endpoint.name == "identify"
    assert route.parameters == ("a/b c@x.com",)


def test_a_plus_is_a_plus() -> None:
    route = match("PUT", b"/api/v1/customers/ada+lovelace@example.com")

    assert isinstance(route, Route)
    assert route.parameters == ("ada+lovelace@example.com",)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", b"/", 404),
        ("PUT", b"/api/v1/customers/", 404),
        ("PUT", b"/api/v1/customers", 404),
        ("POST", b"/api/v1/customers//events", 404),
        ("PUT", b"/api/v1/customers/1/", 404),
        ("POST", b"/api/v3/batch", 404),
        ("PUT", b"/api/v1/customers/%ff", 400),
        ("POST", b"/api/v1/customers/1", 405),
        ("GET", b"/api/v2/batch", 405),
        ("POST", b"/api/v1/accounts/region", 405),
    ],
)
def test_what_is_no_operation_says_why(method: str, path: bytes, status: int) -> None:
    route = match(method, path)

    assert isinstance(route, NoRoute)
    assert route.response.status == status


def test_405_names_the_methods_that_there_are() -> None:
    route = match("POST", b"/api/v1/customers/1")

    assert isinstance(route, NoRoute)
    assert (b"allow", b"DELETE, PUT") in route.response.headers


def test_head_is_answered_where_get_is() -> None:
    assert isinstance(match("HEAD", b"/api/v1/accounts/region"), Route)


@patient
@given(st.binary())
def test_no_path_makes_it_fail(path: bytes) -> None:
    match("PUT", b"/api/v1/customers/" + path)
