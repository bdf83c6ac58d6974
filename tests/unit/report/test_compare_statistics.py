"""The statistics of a comparison: noise is rarely called a difference, a real shift is found."""

from __future__ import annotations

import math
import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.compare.distribution import PooledDistribution, QuantileRow
from report.compare.intervals import (
    Difference,
    Estimate,
    critical_value,
    difference,
    percentile_of_independent,
    share_estimates,
)
from report.compare.reading import RateSeries, TrendSeries
from report.compare.sections import percentile_change

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


def called_different(
    a: TrendSeries, b: TrendSeries, confidence: float = 0.95, *, same_schedule: bool = True
) -> dict[int, bool]:
    found = {}
    for percent in PERCENTS:
        change = percentile_change(a, b, percent, confidence, same_schedule=same_schedule)
        assert change is not None
        assert change.low <= change.value <= change.high
        found[percent] = change.excludes_zero
    return found


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


def test_a_shift_of_10_percent_is_found_in_runs_of_five_minutes_at_200_per_second() -> None:
    """As made-up as it is, this is what ``docs/compare.md`` promises for p95."""
    generator = random.Random(5)
    rows = {"seconds": 300, "rate": 200}
    runs = [(a_trend(generator, **rows), a_trend(generator, factor=1.1, **rows)) for _ in range(6)]
    own = 1 - 0.05 / 17  # the confidence of a row when 17 of them share 95%
    assert sum(called_different(a, b, own)[95] for a, b in runs) >= 5
    assert not any(any(called_different(a, b, own).values()) for (a, _), (b, _) in combinations(runs, 2))


def width_of(change: Difference | None) -> float:
    assert change is not None
    return change.high - change.low


def test_requests_that_are_slow_together_are_worth_fewer_independent_ones() -> None:
    generator = random.Random(3)
    bursts = [
        [generator.uniform(1, 2) * (20 if second % 30 < 3 else 1) for _ in range(40)] for second in range(120)
    ]
    mixed = [value for values in bursts for value in values]
    generator.shuffle(mixed)
    shuffled = [mixed[start : start + 40] for start in range(0, len(mixed), 40)]
    calm = trend_of([[generator.uniform(1, 2) for _ in range(40)] for _ in range(120)])
    together, apart = (
        width_of(percentile_change(calm, trend_of(seconds), 95, 0.95, same_schedule=True))
        for seconds in (bursts, shuffled)
    )
    assert together > 3 * apart


def test_what_the_schedule_does_to_both_runs_alike_is_not_taken_for_noise() -> None:
    generator = random.Random(4)
    a, b = (a_trend(generator, memory=0.0) for _ in range(2))
    together, apart = (
        width_of(percentile_change(a, b, 50, 0.95, same_schedule=is_same)) for is_same in (True, False)
    )
    assert together < 0.6 * apart


def test_two_time_scales_of_one_schedule_are_cut_into_the_same_sections() -> None:
    """The ramp of the longer run lasts twice as long, and cancels all the same."""
    generator = random.Random(6)

    def climbing(seconds: int) -> TrendSeries:
        return trend_of(
            [[generator.gauss(20 + 80 * s / seconds, 1) for _ in range(60)] for s in range(seconds)]
        )

    change = percentile_change(climbing(60), climbing(120), 95, 0.95, same_schedule=True)
    assert change is not None
    assert not change.excludes_zero
    assert width_of(change) < 0.03


def test_wandering_seconds_widen_the_interval_beyond_that_of_independent_sections() -> None:
    level = [math.sin(section / 3) for section in range(20)]
    slow = [[20 * math.exp(0.1 * level[second // 6])] * 20 for second in range(120)]
    generator = random.Random(7)
    generator.shuffle(level)
    mixed = [[20 * math.exp(0.1 * level[second // 6])] * 20 for second in range(120)]
    calm = trend_of([[20.0] * 20 for _ in range(120)])
    widths = [
        width_of(percentile_change(calm, trend_of(seconds), 50, 0.95, same_schedule=True))
        for seconds in (slow, mixed)
    ]
    assert widths[0] > 1.5 * widths[1]


def test_a_run_of_a_minute_has_a_bound_for_p95_whatever_its_time_scale() -> None:
    generator = random.Random(8)
    a, b = a_trend(generator, seconds=54, rate=160), a_trend(generator, seconds=54, rate=80)
    for is_same in (True, False):
        change = percentile_change(a, b, 95, 1 - 0.05 / 17, same_schedule=is_same)
        assert change is not None
        assert math.isfinite(change.low)
        assert math.isfinite(change.high)


@pytest.mark.parametrize(("percent", "fewest"), [(50, 20), (95, 200), (99, 1000)])
def test_a_percentile_needs_ten_values_beyond_it(percent: int, fewest: int) -> None:
    def steady(count: int) -> TrendSeries:
        return trend_of([[20.0 + second / 20] * (count // 10) for second in range(10)])

    enough, too_few = steady(fewest), steady(fewest - 10)
    assert percentile_change(enough, enough, percent, 0.95, same_schedule=True) is not None
    assert percentile_change(enough, too_few, percent, 0.95, same_schedule=True) is None


def test_a_scenario_that_begins_late_has_its_sections_where_its_values_are() -> None:
    generator = random.Random(9)
    late = [[] if second < 80 else [generator.gauss(20, 1) for _ in range(50)] for second in range(120)]
    rows = tuple((row_of(values),) if values else () for values in late)
    everything = sorted(value for values in late for value in values)
    percentiles = {percent: nearest_rank(everything, percent) for percent in (50, 90, 95, 99)}
    trend = TrendSeries(len(everything), percentiles, row_of(everything), rows)
    change = percentile_change(trend, trend, 95, 0.95, same_schedule=True)
    assert change is not None
    assert change.value == 0


def test_without_seconds_the_interval_is_that_of_order_statistics() -> None:
    # Of 1000 independent values the 95% interval of the median reaches from the 469th to the 532nd
    # (Conover, Practical Nonparametric Statistics, 3.2).
    values = [float(number) for number in range(1, 1001)]
    trend = TrendSeries(1000, {50: 500.0}, row_of(values), ())
    found = percentile_of_independent(trend, 50, 0.95)
    assert found.low == pytest.approx(469, abs=1.5)
    assert found.high == pytest.approx(532, abs=1.5)


def test_too_few_values_leave_a_percentile_without_an_upper_bound_and_without_a_finding() -> None:
    trend = trend_of([[float(value) for value in range(1, 41)]])
    slower = trend_of([[float(value) * 10 for value in range(1, 41)]])
    of_a, of_b = (percentile_of_independent(run, 99, 0.95) for run in (trend, slower))
    assert (of_a.value, of_a.high, of_b.high) == (40.0, math.inf, math.inf)
    assert not difference(of_a, of_b).excludes_zero


@pytest.mark.parametrize(
    ("freedom", "confidence", "published"),
    # Student's t, two-sided: tables have 4, 9 and 19 degrees of freedom at 95% and 99.8%.
    [(4, 0.95, 2.776), (9, 0.95, 2.262), (19, 0.95, 2.093), (9, 0.998, 4.297), (19, 0.998, 3.579)],
)
def test_the_critical_values_are_those_of_the_tables(
    freedom: float, confidence: float, published: float
) -> None:
    assert critical_value(confidence, freedom) == pytest.approx(published, rel=1e-3)


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


@given(st.lists(values_of_a_row, min_size=10, max_size=30), st.sampled_from(PERCENTS), st.booleans())
def test_an_interval_holds_its_figure_and_widens_with_confidence(
    seconds: list[list[float]], percent: int, same_schedule: bool
) -> None:
    a, b = trend_of(seconds), trend_of(list(reversed(seconds)))
    narrow, wide = (
        percentile_change(a, b, percent, confidence, same_schedule=same_schedule)
        for confidence in (0.8, 0.99)
    )
    assert (narrow is None) == (wide is None)
    if narrow is not None and wide is not None:
        assert wide.low <= narrow.low <= narrow.value <= narrow.high <= wide.high


def test_a_difference_keeps_the_asymmetry_of_both_intervals() -> None:
    found = difference(Estimate(10, 9, 14, 100), Estimate(20, 17, 23, 100))
    assert [found.value, found.low, found.high] == pytest.approx([10, 5, 10 + math.sqrt(10)])
