"""Each rule of the findings by itself: what triggers it, with which figure, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.customerio.limits import limit
from metrics import verdict
from report.html import symptoms
from report.html.facts import Arrivals, Backlog, Facts, Threshold
from report.html.findings import RULES, Weight, findings_of
from report.run_summary import WorkerFigures
from users.outcome import FailureKind

CALM_ARRIVALS = Arrivals(
    scheduled=5000,
    due=5000,
    started=5000,
    dropped=0,
    dropped_late=0,
    lost=0,
    not_yet_due=0,
    interrupted=0,
)
CALM = Facts(
    is_complete=True,
    ended_by="finished",
    seconds=100.0,
    requests=5000,
    failed=0,
    errors_by_kind={},
    arrivals=CALM_ARRIVALS,
    ledger={"a": {"dropped": 0, "dropped_late": 0}},
    trends={},
    thresholds=[],
    start_lag_p99_ms=1.0,
    cpu_p95_percent=30.0,
    planned_peak=50.0,
    reached_peak=51,
    max_vus={"a": 10},
    timeouts={"a": 2.5},
    workers=[],
    lost_parts=[],
    start_skew_ms=0.0,
)
WORKER = WorkerFigures("worker-1", 40, 0, 0, 1.0, 20.0, 0, "ended in order")


def arrivals(**changes: int) -> Facts:
    return replace(CALM, arrivals=replace(CALM_ARRIVALS, **changes))


def names(facts: Facts) -> list[str]:
    return [finding.rule.name for finding in findings_of(facts)]


def figure(facts: Facts) -> str:
    """The figure of the only finding."""
    (finding,) = findings_of(facts)
    return finding.figure


def test_a_calm_run_has_no_findings() -> None:
    assert names(CALM) == []


@pytest.mark.parametrize("kind", [kind.value for kind in FailureKind])
def test_every_cause_of_failure_has_a_rule_with_the_count(kind: str) -> None:
    facts = replace(CALM, errors_by_kind={kind: 250}, failed=250)
    assert "250 of 5\u202f000 requests" in figure(facts)
    assert "5%" in figure(facts)


@pytest.mark.parametrize(
    ("kind", "name", "advice"),
    [
        ("429 rate limited", "rate limited", "rate limiter"),
        ("timeout", "timeouts", "raise the timeout"),
        ("401 unauthorized", "unauthorized", "API key"),
        ("3xx redirect", "redirected", "region"),
        ("connection error", "not connected", "base URL"),
        ("5xx server error", "server errors", "server's log"),
        ("bad body", "refused requests", "proxy"),
    ],
)
def test_a_cause_leads_to_its_remedy(kind: str, name: str, advice: str) -> None:
    (finding,) = findings_of(replace(CALM, errors_by_kind={kind: 1}))
    assert finding.rule.name == name
    assert advice in finding.rule.remedy


def test_timeouts_name_the_timeout() -> None:
    assert "within 2.5s" in figure(replace(CALM, errors_by_kind={"timeout": 3}))


def test_a_killed_run_says_where_its_rows_end() -> None:
    facts = replace(CALM, is_complete=False, ended_by=None, cpu_p95_percent=None, start_lag_p99_ms=None)
    assert names(facts) == ["killed"]
    assert "second 100" in figure(facts)


def test_a_run_without_requests_says_how_many_were_due() -> None:
    assert figure(replace(CALM, requests=0)) == "0 requests; 5\u202f000 arrivals were due"


def test_dropped_arrivals_name_the_scenario_that_was_short_of_vus() -> None:
    facts = replace(
        arrivals(dropped=50, started=4950),
        ledger={"a": {"dropped": 50, "dropped_late": 0}, "b": {"dropped": 0}},
        max_vus={"a": 10, "b": 20},
    )
    assert figure(facts) == "50 of 5\u202f000 arrivals dropped (1%); a has max_vus 10"


def test_arrivals_dropped_late_are_the_generators_fault_alone() -> None:
    assert names(arrivals(dropped=7, dropped_late=7)) == ["stood still"]


def test_lost_arrivals_name_the_worker() -> None:
    facts = replace(arrivals(lost=60), workers=[WORKER, replace(WORKER, name="worker-2", lost=60)])
    assert "(worker-2 60)" in figure(facts)


@pytest.mark.parametrize(
    ("requests", "end", "found"),
    [
        (5000, 20 + 250, []),
        (5000, 20 + 251, ["queue backlog"]),
        (1000, 20 + 100, []),
        (1000, 20 + 101, ["queue backlog"]),
        (5000, 0, []),
    ],
)
def test_a_queue_that_grows_beyond_what_is_on_its_way(requests: int, end: float, found: list[str]) -> None:
    assert names(replace(CALM, requests=requests, backlog=Backlog(20, 9000, end, 0))) == found


def test_a_queue_that_grew_is_told_with_its_figures_and_what_to_do() -> None:
    (finding,) = findings_of(replace(CALM, backlog=Backlog(20, 1300, 1270, 0)))
    assert finding.figure == (
        "from 20 to 1\u202f270 messages, 1\u202f300 at its peak; 1\u202f250 more, 25% of what was sent"
    )
    assert "deliver less than arrives" in finding.rule.symptom
    assert finding.rule.remedy.startswith("Scale the workers.")


def test_missing_reports_name_the_worker() -> None:
    assert (
        figure(replace(CALM, workers=[replace(WORKER, reports_missing=2)])) == "worker-1: 2 reports missing"
    )


@pytest.mark.parametrize(("lag", "found"), [(10.0, []), (10.1, ["late starts"])])
def test_start_lag_is_judged_as_in_the_verdict(lag: float, found: list[str]) -> None:
    assert names(replace(CALM, start_lag_p99_ms=lag)) == found


def test_with_counts_start_lag_and_cpu_are_judged_by_them_as_in_the_verdict() -> None:
    few = replace(CALM, start_lag_p99_ms=11.0, starts=40, starts_late=1, cpu_p95_percent=99.0)
    assert names(replace(few, cpu_seconds=10, cpu_seconds_busy=3)) == []
    late = replace(few, starts_late=3, cpu_seconds=10, cpu_seconds_busy=3)
    assert figure(late) == "3 of 40 starts more than 10 ms late (7.5%); p99 start lag 11 ms"
    busy = replace(few, cpu_seconds=10, cpu_seconds_busy=4)
    assert figure(busy) == "4 of 10 seconds above 90% of a core (40%)"


@pytest.mark.parametrize(("cpu", "found"), [(90.0, []), (91.0, ["busy core"])])
def test_cpu_is_judged_as_in_the_verdict(cpu: float, found: list[str]) -> None:
    assert names(replace(CALM, cpu_p95_percent=cpu)) == found


def test_report_and_verdict_have_the_same_limits() -> None:
    assert symptoms.START_LAG_LIMIT_MS == verdict.START_LAG_LIMIT_MS
    assert symptoms.CPU_LIMIT_PERCENT == verdict.CPU_LIMIT_PERCENT


@pytest.mark.parametrize(
    ("limit_name", "more", "found"),
    [
        ("track_requests_per_second", 1, ["above the limit"]),
        ("track_requests_per_second", 0, ["above the older limit"]),
        ("track_requests_per_second_older", 1, ["above the older limit"]),
        ("track_requests_per_second_older", 0, []),
    ],
)
def test_a_peak_is_held_against_the_published_limits(limit_name: str, more: int, found: list[str]) -> None:
    facts = replace(CALM, planned_peak=float(limit(limit_name) + more))
    assert names(facts) == found
    # Messages go to Customer.io in batches, by the queue's workers.
    assert names(replace(facts, messages=facts.requests)) == []


@pytest.mark.parametrize(
    ("source", "percentile", "count", "found"),
    [
        ("p(95)<500", 95.0, 199, ["too few samples"]),
        ("p(95)<500", 95.0, 200, []),
        ("p(99)<500", 99.0, 999, ["too few samples"]),
        ("p(99)<500", 99.0, 1000, []),
        ("p(100)<500", 100.0, 5, []),
        ("avg<500", None, 5, []),
        ("p(99)<500", 99.0, 0, []),
    ],
)
def test_a_percentile_needs_ten_values_above_it(
    source: str, percentile: float | None, count: int, found: list[str]
) -> None:
    threshold = Threshold("track_duration", source, True, 20.0, count, percentile, 500.0)
    assert names(replace(CALM, thresholds=[threshold])) == found


def test_interrupted_iterations_are_told_as_a_share() -> None:
    assert figure(arrivals(interrupted=5)) == "5 of 5\u202f000 iterations interrupted (0.1%)"


def test_iterations_that_a_second_ctrl_c_cut_off_are_no_reason_for_a_longer_graceful_stop() -> None:
    facts = replace(arrivals(interrupted=5), ended_by="interrupted by Ctrl-C")
    (finding,) = findings_of(facts)
    assert finding.figure == "5 of 5\u202f000 iterations interrupted (0.1%)"
    assert "graceful_stop" not in finding.rule.remedy
    (finding,) = findings_of(replace(facts, ended_by="finished"))
    assert "graceful_stop" in finding.rule.remedy


def test_a_run_that_ended_early_says_by_what() -> None:
    facts = replace(arrivals(not_yet_due=1000), ended_by="interrupted")
    assert figure(facts) == "1\u202f000 of 5\u202f000 arrivals not yet due (20%) (interrupted)"


def test_the_gravest_findings_come_first() -> None:
    facts = replace(
        arrivals(interrupted=1),
        planned_peak=150.0,
        errors_by_kind={"429 rate limited": 3},
    )
    weights = [finding.rule.weight for finding in findings_of(facts)]
    assert weights == [Weight.PROBLEM, Weight.WARNING, Weight.NOTE]


def test_rules_have_names_of_their_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
