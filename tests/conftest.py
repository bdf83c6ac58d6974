"""What every test has around it."""

from __future__ import annotations

from collections.abc import Iterator

import locust  # noqa: F401 - first of all: it patches the standard library
import pytest

from tests.load_test import LoadTest


@pytest.fixture(autouse=True)
def _no_load_test_outlives_its_test() -> Iterator[None]:
    yield
    LoadTest.end_unfinished()
