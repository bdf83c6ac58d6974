"""The statistics of a comparison: noise is rarely called a difference, a real shift is found."""

from __future__ import annotations

import math
import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.compare.distribution import PooledDistribution, QuantileRow
from report.compare.intervals import Estimate, difference, percentile_estimates, share_estimates
from report.compare.reading import RateSeries, TrendSeries

PERCENTS = (50, 95, 99)
values_of_a_row = st.lists(st.floats(0.01, 10_000), min_size=1, max_size=300)


def nearest_rank(ordered: list[float], percent: int) -> float:
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def row_of(values: list[float]) -> QuantileRow:
    """What a row of metrics.csv keeps of its values."""
    ordered = sorted(values)
    known = {percent: nearest_rank(ordered, percent) for percent in (50, 90, 95, 99)}
    return QuantileRow.of(len(ordered), ordered[0], known, ordered[-1])


def trend_of(seconds: list[list[float]]) -> TrendSeries:
    everything = sorted(value for values in seconds for value in values)
    percentiles = {percent: nearest_rank(everything, percent) for percent in (50, 90, 95, 99)}
    rows = tuple((row_of(values),) for values in seconds)
    return TrendSeries(len(everything), percentiles, row_of(everything), rows)


def a_trend(
    generator: random.Random, *, factor: float = 1.0, seconds: int = 120, rate: int = 40, memory: float = 0.6
) -> TrendSeries:
    """Lognormal latencies around 20 ms, whose level wanders from second to second with that ``memory``.

    The first seconds of each run are slower and fewer, as under a ramp: a part that is no noise.
    """
    level, series = 0.0, []
    for second in range(seconds):
        level = memory * level + generator.gauss(0, 0.1 * math.sqrt(1 - memory**2))
        ramp = min(1.0, (second + 10) / 40)
        base = math.log(20 * factor) + level + 0.5 * (1 - ramp)
        series.append([generator.lognormvariate(base, 0.4) for _ in range(round(rate * ramp))])
    return trend_of(series)


def called_different(a: TrendSeries, b: TrendSeries, confidence: float = 0.95) -> dict[int, bool]:
    estimates = percentile_estimates((a, b), PERCENTS, confidence, same_schedule=True)
    return {percent: difference(*pair).excludes_zero for percent, pair in estimates.items()}


def test_two_runs_of_the_same_distribution_are_called_different_no_more_often_than_promised() -> None:
    generator = random.Random(1)
    runs = [a_trend(generator) for _ in range(16)]
    pairs = [called_different(a, b) for a, b in combinations(runs, 2)]
    for percent in PERCENTS:
        # 95% intervals, of which one in twenty may miss; twice that leaves room for 120 pairs of 16 runs.
        assert sum(pair[percent] for pair in pairs) / len(pairs) <= 0.10


def test_a_shift_of_30_percent_is_found_in_every_percentile() -> None:
    generator = random.Random(2)
    pairs = [called_different(a_trend(generator), a_trend(generator, factor=1.3)) for _ in range(8)]
    assert [sum(pair[percent] for pair in pairs) for percent in (50, 95)] == [8, 8]
    assert sum(pair[99] for pair in pairs) >= 6


def test_requests_that_are_slow_together_are_worth_fewer_independent_ones() -> None:
    generator = random.Random(3)
    bursts = [
        [generator.uniform(1, 2) * (20 if second % 30 < 3 else 1) for _ in range(40)] for second in range(120)
    ]
    mixed = [value for values in bursts for value in values]
    generator.shuffle(mixed)
    shuffled = [mixed[start : start + 40] for start in range(0, len(mixed), 40)]
    sizes = [
        percentile_estimates((trend, trend), (95,), 0.95, same_schedule=False)[95][0].effective_size
        for trend in (trend_of(bursts), trend_of(shuffled))
    ]
    assert sizes[0] < sizes[1] / 10


def test_what_the_schedule_does_to_both_runs_alike_is_not_taken_for_noise() -> None:
    generator = random.Random(4)
    a, b = (a_trend(generator, memory=0.0) for _ in range(2))
    together = percentile_estimates((a, b), (50,), 0.95, same_schedule=True)[50]
    apart = percentile_estimates((a, b), (50,), 0.95, same_schedule=False)[50]
    assert together[0].effective_size > 1.5 * apart[0].effective_size


def test_without_seconds_the_interval_is_that_of_order_statistics() -> None:
    # Of 1000 independent values the 95% interval of the median reaches from the 469th to the 532nd
    # (Conover, Practical Nonparametric Statistics, 3.2).
    values = [float(number) for number in range(1, 1001)]
    trend = TrendSeries(1000, {50: 500.0}, row_of(values), ())
    of_a, _ = percentile_estimates((trend, trend), (50,), 0.95, same_schedule=True)[50]
    assert of_a.low == pytest.approx(469, abs=1.5)
    assert of_a.high == pytest.approx(532, abs=1.5)


def test_too_few_values_leave_a_percentile_without_an_upper_bound_and_without_a_finding() -> None:
    trend = trend_of([[float(value) for value in range(1, 41)]])
    slower = trend_of([[float(value) * 10 for value in range(1, 41)]])
    of_a, of_b = percentile_estimates((trend, slower), (99,), 0.95, same_schedule=False)[99]
    assert (of_a.value, of_a.high, of_b.high) == (40.0, math.inf, math.inf)
    assert not difference(of_a, of_b).excludes_zero


def test_the_interval_of_a_share_and_of_a_difference_are_those_that_were_published() -> None:
    # Newcombe 1998, Table II, 56/70 against 48/80: Wilson by method 10 gives 0.0524 to 0.3339.
    a = RateSeries(48, 80, ())
    b = RateSeries(56, 70, ())
    found = difference(*share_estimates((a, b), 0.95, same_schedule=False))
    assert found.value == pytest.approx(0.2)
    assert [found.low, found.high] == pytest.approx([0.0524, 0.3339], abs=1e-4)


def test_an_error_rate_of_zero_still_has_an_upper_bound() -> None:
    none = RateSeries(0, 1000, tuple((0.0, 100) for _ in range(10)))
    of_a, _ = share_estimates((none, none), 0.95, same_schedule=True)
    assert of_a.low == 0
    assert of_a.high == pytest.approx(1.96**2 / (1000 + 1.96**2), rel=1e-3)


@given(st.lists(values_of_a_row, min_size=1, max_size=8), st.floats(0, 1))
def test_the_pooled_distribution_and_its_inverse_agree(seconds: list[list[float]], share: float) -> None:
    rows = [row_of(values) for values in seconds]
    pooled = PooledDistribution(rows)
    value = pooled.value_at(share)
    assert min(row.values[0] for row in rows) <= value <= max(row.values[-1] for row in rows)
    assert pooled.share_up_to(value * (1 + 1e-9)) >= share - 1e-6
    counted = sum(row.count_up_to(value) for row in rows) / pooled.count
    assert pooled.share_up_to(value) == pytest.approx(counted, abs=1e-6)


@given(values_of_a_row)
def test_a_row_knows_the_ranks_of_its_percentiles_exactly(values: list[float]) -> None:
    row = row_of(values)
    for percent in (50, 90, 95, 99):
        value = nearest_rank(sorted(values), percent)
        assert row.count_up_to(value) >= max(1, -(-len(values) * percent // 100))
        assert row.count_up_to(value) <= sum(other <= value for other in values)
    assert row.count_up_to(max(values)) == len(values)
    assert row.count_up_to(min(values) / 2) == 0


@given(st.lists(values_of_a_row, min_size=1, max_size=30), st.sampled_from(PERCENTS))
def test_an_interval_holds_its_figure_and_widens_with_confidence(
    seconds: list[list[float]], percent: int
) -> None:
    trend = trend_of(seconds)
    narrow, wide = (
        percentile_estimates((trend, trend), (percent,), confidence, same_schedule=False)[percent][0]
        for confidence in (0.8, 0.99)
    )
    assert wide.low <= narrow.low <= narrow.value <= narrow.high <= wide.high
    assert narrow.effective_size <= trend.count


def test_a_difference_keeps_the_asymmetry_of_both_intervals() -> None:
    found = difference(Estimate(10, 9, 14, 100), Estimate(20, 17, 23, 100))
    assert [found.value, found.low, found.high] == pytest.approx([10, 5, 10 + math.sqrt(10)])
