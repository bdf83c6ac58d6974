"""What every test of a whole load test has around it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.programs.load_test import LoadTest


@pytest.fixture(autouse=True)
def _no_load_test_outlives_its_test() -> Iterator[None]:
    yield
    LoadTest.end_unfinished()
