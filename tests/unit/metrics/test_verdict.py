"""The verdict: one line that tells whether a run's latencies can be trusted, and why not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.beyond_chance import is_beyond_chance
from metrics.sinks import TrendSink
from metrics.verdict import CPU_LIMIT_PERCENT, GeneratorFigures, WorkerReport, judge
from shapes.ledger import Ledger

CLOSED = Ledger(
    scheduled=100,
    due=100,
    started=100,
    dropped=0,
    dropped_late=0,
    lost=0,
    not_yet_due=0,
    completed=100,
    interrupted=0,
)
CALM = GeneratorFigures(0.4, 0.84, 3.0, 31.2, 40.0, 50)


def line(ledger: Ledger = CLOSED, generator: GeneratorFigures = CALM, faults: tuple[str, ...] = ()) -> str:
    verdict = judge({"a": ledger}, generator, {"a": 50}, faults)
    assert verdict.kept_schedule == verdict.line.startswith("Generator kept the schedule")
    assert verdict.kept_schedule or "not to be trusted" in verdict.line
    return verdict.line


def test_a_run_that_kept_the_schedule_says_so_with_figures() -> None:
    assert line() == "Generator kept the schedule (p99 start lag 0.8 ms, 0 dropped, CPU 31%)"


def test_dropped_arrivals_name_the_scenario_and_what_limits_it() -> None:
    assert "3 of 100 arrivals dropped for want of an idle VU (a has max_vus 50)" in line(
        replace(CLOSED, started=97, dropped=3, completed=97)
    )


def test_lateness_and_a_busy_core_are_named() -> None:
    assert "p99 start lag 25.0 ms" in line(generator=replace(CALM, start_lag_p99_ms=25.0))
    assert "its core was busy (CPU 31%, p95 of seconds 97%)" in line(
        generator=replace(CALM, cpu_p95_percent=97.0)
    )


def test_a_ledger_that_does_not_add_up_and_a_fault_are_named() -> None:
    assert "the ledger of a does not add up" in line(replace(CLOSED, started=99))
    assert "metrics.csv ends at second 3" in line(faults=("metrics.csv ends at second 3",))


def test_a_run_in_which_nothing_came_due_says_that() -> None:
    idle = Ledger(
        100, due=0, started=0, dropped=0, dropped_late=0, lost=0, not_yet_due=100, completed=0, interrupted=0
    )
    assert judge({"a": idle}, CALM, {"a": 50}, ()).line.startswith("Nothing was due")


def figures(late: int, starts: int, busy: int = 0, seconds: int = 10) -> GeneratorFigures:
    """What is measured if so many starts are 11 ms late and so many seconds are at 95% of a core."""
    lag = TrendSink()
    lag.add_all([11.0] * late + [0.5] * (starts - late))
    return GeneratorFigures.measured(lag, [95.0] * busy + [20.0] * (seconds - busy), vus_max=50)


def test_one_late_start_of_a_smoke_run_is_no_reason_for_distrust() -> None:
    smoke = figures(late=1, starts=40)
    assert smoke.start_lag_p99_ms == pytest.approx(11, rel=1e-3)
    assert line(generator=smoke) == "Generator kept the schedule (p99 start lag 11.0 ms, 0 dropped, CPU 20%)"


@pytest.mark.parametrize(
    ("starts", "enough"), [(1, 2), (10, 2), (40, 3), (400, 10), (4000, 56), (100_000, 1075)]
)
def test_late_starts_count_from_where_chance_ends(starts: int, enough: int) -> None:
    generator = replace(CALM, starts=starts, starts_late=enough - 1, start_lag_p99_ms=11.0)
    assert "kept the schedule" in line(generator=generator)
    told = line(generator=replace(generator, starts=max(starts, enough), starts_late=enough))
    assert (
        f"{enough} of {max(starts, enough)} starts were more than 10 ms late (p99 start lag 11.0 ms)" in told
    )


def test_three_busy_seconds_of_ten_are_no_reason_for_distrust_and_four_are() -> None:
    assert "kept the schedule" in line(generator=figures(0, 40, busy=3))
    assert "its core was busy in 4 of 10 seconds (CPU 50%, p95 of seconds 95%)" in line(
        generator=figures(0, 40, busy=4)
    )


def test_a_second_at_the_limit_and_a_start_at_the_limit_are_neither_busy_nor_late() -> None:
    lag = TrendSink()
    lag.add_all([10.0] * 40)
    measured = GeneratorFigures.measured(lag, [CPU_LIMIT_PERCENT] * 10, vus_max=1)
    assert (measured.starts_late, measured.cpu_seconds_busy) == (0, 0)


def test_the_worker_with_the_most_late_starts_and_busy_seconds_is_named() -> None:
    def worker(name: str, generator: GeneratorFigures) -> WorkerReport:
        return WorkerReport(name, generator, 200, 0, 0, 10, 0, "ended in order")

    calm, late = figures(1, 200), figures(30, 200, busy=8)
    both = replace(figures(31, 400), cpu_seconds=10, cpu_seconds_busy=8, cpu_p95_percent=95.0)
    told = judge({"a": CLOSED}, both, {"a": 50}, (), [worker("w-1", calm), worker("w-2", late)]).line
    assert "31 of 400 starts were more than 10 ms late (p99 start lag 11.0 ms, w-2 11.0 ms)" in told
    assert "the core of w-2 was busy in 8 of 10 seconds" in told


def test_arrivals_dropped_both_ways_are_told_apart_and_only_one_is_blamed_on_max_vus() -> None:
    told = line(replace(CLOSED, started=90, dropped=10, dropped_late=7, completed=90))
    assert "3 of 100 arrivals dropped for want of an idle VU (a has max_vus 50)" in told
    assert "7 of 100 arrivals dropped because the generator stood still" in told
    alone = line(replace(CLOSED, started=93, dropped=7, dropped_late=7, completed=93))
    assert "max_vus" not in alone
    assert "7 of 100 arrivals dropped because the generator stood still" in alone


@given(st.integers(1, 300), st.data(), st.sampled_from([Fraction(1, 100), Fraction(1, 20)]))
def test_the_bound_is_the_exact_binomial_one(total: int, data: st.DataObject, share: Fraction) -> None:
    found = data.draw(st.integers(0, total))
    below = sum(comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(found))
    assert is_beyond_chance(found, total, float(share)) == (1 - below < Fraction(1, 100))


@pytest.mark.parametrize(("found", "total", "share"), [(2, 1, 0.01), (-1, 1, 0.01), (0, 1, 0.0), (0, 1, 1.0)])
def test_a_count_or_share_that_cannot_be_is_refused(found: int, total: int, share: float) -> None:
    with pytest.raises(ValueError, match="expected 0 <= found <= total"):
        is_beyond_chance(found, total, share)


def test_of_ten_million_starts_the_bound_is_the_percentile() -> None:
    assert not is_beyond_chance(100_000, 10**7, 0.01)
    assert is_beyond_chance(100_800, 10**7, 0.01)
    assert is_beyond_chance(10**7, 10**7, 0.01)
