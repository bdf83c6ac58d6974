"""Faults and latencies: what is drawn, and what is refused as a setting."""

from __future__ import annotations

import random
import statistics
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from standin.faults import Faults, FaultSource, InjectedFault, Latency

# A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

quarter = st.floats(0.0, 0.25)


@patient
@given(st.integers(), quarter, quarter, quarter, quarter)
def test_a_seed_makes_the_same_fates_whatever_the_latency(
    seed: int, error: float, reset: float, hang: float, drop: float
) -> None:
    faults = Faults(seed=seed, error_share=error, reset_share=reset, hang_share=hang, drop_share=drop)
    plain = FaultSource(faults)
    slow = FaultSource(faults.changed({"latency": "lognormal:20ms,0.5"}))

    for _ in range(50):
        slow.draw_latency_seconds()
        assert plain.draw() is slow.draw()


def test_faults_come_in_their_shares() -> None:
    source = FaultSource(Faults(seed=1, error_share=0.1, reset_share=0.2, hang_share=0.05, drop_share=0.15))
    drawn = Counter(source.draw() for _ in range(20_000))

    shares = {
        InjectedFault.ERROR: 0.1,
        InjectedFault.RESET: 0.2,
        InjectedFault.HANG: 0.05,
        InjectedFault.DROP: 0.15,
        None: 0.5,
    }
    for fault, share in shares.items():
        assert drawn[fault] / 20_000 == pytest.approx(share, abs=0.02)


def test_a_share_of_one_spares_nobody_and_of_none_everybody() -> None:
    everybody = FaultSource(Faults(error_share=1.0))
    nobody = FaultSource(Faults())

    assert {everybody.draw() for _ in range(1000)} == {InjectedFault.ERROR}
    assert {nobody.draw() for _ in range(1000)} == {None}


def test_lognormal_latency_has_its_median_and_its_spread() -> None:
    latency = Latency.parse("lognormal:20ms,0.5")
    source = random.Random(1)
    drawn = sorted(latency.draw_seconds(source) for _ in range(20_000))

    assert statistics.median(drawn) == pytest.approx(0.020, rel=0.05)
    # One sigma above the median is the 84.1th percentile: 20 ms * exp(0.5).
    assert drawn[int(len(drawn) * 0.8413)] == pytest.approx(0.032974, rel=0.05)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0.0), ("20ms", 0.02), ("1.5s", 1.5), ("1m30s", 90.0), ("20", 0.02)]
)
def test_fixed_latency(text: str, seconds: float) -> None:
    latency = Latency.parse(text)

    assert latency.draw_seconds(random.Random(1)) == pytest.approx(seconds)
    assert Latency.parse(str(latency)) == latency


def test_a_lognormal_latency_is_written_as_it_is_read() -> None:
    assert str(Latency.parse("lognormal:20ms,0.5")) == "lognormal:20ms,0.5"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("latency", "soon"),
        ("latency", "-5ms"),
        ("latency", 20),
        ("latency", "lognormal:20ms"),
        ("latency", "lognormal:20ms,-1"),
        ("latency", "lognormal:20ms,nan"),
        ("latency", "lognormal:0,1"),
        ("error_share", 1.1),
        ("error_share", -0.1),
        ("error_share", "0.1"),
        ("error_share", True),
        ("error_share", None),
        ("reset_share", float("nan")),
        ("hang_seconds", -1),
        ("hang_seconds", float("inf")),
        ("rate_limit", 0),
        ("rate_limit", 1.5),
        ("rate_limit", True),
        ("retry_after", 1),
        ("seed", "x"),
        ("colour", "red"),
    ],
)
def test_a_bad_setting_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        Faults().changed({name: value})


def test_shares_may_not_add_up_to_more_than_everything() -> None:
    with pytest.raises(ValueError, match="sum of at most 1"):
        Faults().changed({"error_share": 0.6, "drop_share": 0.5})
    Faults().changed({"error_share": 0.6, "drop_share": 0.4})


def test_a_change_leaves_the_rest_as_it_was() -> None:
    before = Faults(error_share=0.1, rate_limit=5)

    assert before.changed({"error_share": 0.2}) == Faults(error_share=0.2, rate_limit=5)
    assert before.changed({"rate_limit": None}) == Faults(error_share=0.1)
