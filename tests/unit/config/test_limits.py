"""Published limits are data, each with where and when it was read."""

from __future__ import annotations

import pytest

from config.customerio.limits import limit, published_limits


def test_every_limit_has_a_unit_a_source_and_a_date() -> None:
    for published in published_limits().values():
        assert published.value > 0
        assert published.unit
        assert published.source
        assert published.read.year >= 2026


def test_a_limit_is_found_by_name() -> None:
    assert limit("track_requests_per_second") == 1000
    with pytest.raises(KeyError):
        limit("no such limit")


def test_of_two_readings_the_lower_one_counts() -> None:
    readings = {
        name: published.higher_reading
        for name, published in published_limits().items()
        if published.higher_reading
    }
    assert readings == {
        "v2_batch_bytes": 512_000,
        "pipelines_batch_bytes": 512_000,
        "app_transactional_per_second": 1000,
    }
    assert all(limit(name) < higher for name, higher in readings.items())
    assert limit("v2_batch_bytes") == 500_000
    assert limit("v2_entity_bytes") == 32_768
