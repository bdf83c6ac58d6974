"""Published limits are data, each with where and when it was read."""

from __future__ import annotations

import pytest

from config.customerio.limits import limit, published_limits


def test_every_limit_has_a_unit_a_source_and_a_date() -> None:
    for one in published_limits().values():
        assert one.value > 0
        assert one.unit
        assert one.source
        assert one.read.year >= 2026


def test_a_limit_is_found_by_name() -> None:
    assert limit("track_requests_per_second") == 1000
    with pytest.raises(KeyError):
        limit("no such limit")
