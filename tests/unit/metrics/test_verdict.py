"""The verdict: one line that tells whether a run's latencies can be trusted, and why not."""

from __future__ import annotations

from dataclasses import replace

from metrics.verdict import GeneratorFigures, judge
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
